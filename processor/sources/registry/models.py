"""Compare registered models: new, changed, renamed, made again, gone.

Place in the flow: `source` gives it listings; `versions` asks it about a model it has not met.
A model is known by its name and the moment it was made: the same moment under another name is a
rename, another moment under the same name another model.
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace

from processor.errors import Forbidden
from processor.rules.changes import (
    Found,
    HeldModel,
    model_subject,
    of_gone_model,
    of_model,
    of_moved,
    of_new_model,
    of_renamed,
    same_model,
    subject_of,
)
from processor.sources.registry.held import held_model, held_version, row_of
from processor.sources.registry.place import Place, Scope
from processor.values.registry import ModelSeen
from processor.values.snapshot import Snapshot


@dataclass(frozen=True)
class Models:
    """The models of one workspace."""

    place: Place

    async def compare(
        self, seen: Iterable[ModelSeen], scope: Scope, listed: Container[str] = ()
    ) -> None:
        """Tell what changed on models that are known, and which are new or made again.

        `listed` are names known to be there: none of them is the former name of another.
        """
        appeared: list[ModelSeen] = []
        for model in seen:
            row = row_of(scope.rows, self._subject(model.name))
            held = held_model(row)
            if held is None:
                appeared.append(model)
            elif not same_model(held, model):
                await self._gone(model.name, scope)
                await self._new(model, scope)
            else:
                await self._changed(row, held, model, scope)
        for model in appeared:
            if not await self._was(model, scope, listed):
                await self._new(model, scope)

    async def compare_all(self, seen: Sequence[ModelSeen], scope: Scope) -> None:
        """Compare a listing of every model: what it does not name is asked for, and told."""
        listed = {model.name for model in seen}
        await self.compare(seen, scope, listed)
        for name in self.place.held.models():
            was_there = row_of(scope.rows, self._subject(name)).data is not None
            if name not in listed and was_there:
                await self._missing(name, scope)

    async def meet(self, name: str, scope: Scope) -> None:
        """Read one model alone: of a version just seen, or named by a hint."""
        before = await self.place.before()
        model = await self.place.reader.model(self.place.workspace, name)
        alone = await self.place.alone(before, scope)
        if model is not None:
            await self.compare((model,), alone)
        elif held_model(row_of(before.rows, self._subject(name))) is not None:
            await self._missing(name, alone)

    def unfinished(self, name: str) -> bool:
        """Tell whether a rename to this name was cut off."""
        held = self.place.held.model(name)
        return held is not None and self._successor(held[1].was) == name

    async def finish_rename(self, name: str, scope: Scope) -> None:
        """Go on where a rename to this name was cut off."""
        held = self.place.held.model(name)
        if held is not None:
            await self._renamed(held[1].was, name, scope)

    def _successor(self, name: str) -> str | None:
        """Return the name a model was renamed to, where its own rows are still there."""
        held = self.place.held.model(name)
        if held is None:
            return None
        for other in self.place.held.born(held[1].seen.created_ms, other_than=name):
            found = self.place.held.model(other)
            if found is not None and found[1].was == name:
                return other
        return None

    async def _missing(self, name: str, scope: Scope) -> None:
        """Ask for a model that a listing left out: renamed, deleted, hidden, or skipped."""
        held = self.place.held.model(name)
        if held is None:
            return
        try:
            model = await self.place.reader.model(self.place.workspace, name)
        except Forbidden as refusal:
            self.place.hide(name, refusal, scope)
            return
        if model is not None and same_model(held[1], model):
            return  # a page skipped it
        successor = self._successor(name)
        if successor is not None:
            await self._renamed(name, successor, scope)
        elif not scope.outcome.doubts:
            await self._gone(name, scope)

    async def _changed(
        self, row: Snapshot, held: HeldModel, model: ModelSeen, scope: Scope
    ) -> None:
        """Tell what changed on a known model."""
        found = of_model(
            self.place.registry_id,
            held,
            model,
            row.revision + 1,
            scope.look,
            self.place.held.versions(model.name),
            full=scope.full,
        )
        if found.tells or found.doubts:
            await self.place.tell(row, found, scope)

    async def _was(self, model: ModelSeen, scope: Scope, listed: Container[str]) -> bool:
        """Tell a rename if the model was held under another name that the registry has no more."""
        gone: list[str] = []
        for former in self.place.held.born(model.created_ms, other_than=model.name):
            held = self.place.held.model(former)
            if former in listed or held is None:
                continue  # made in the same millisecond
            there = await self.place.reader.model(self.place.workspace, former)
            if there is None or not same_model(held[1], there):
                gone.append(former)
        if len(gone) > 1:
            gone = await self._by_versions(gone, model.name)
        if gone:
            await self._renamed(gone[0], model.name, scope)
        return bool(gone)

    async def _by_versions(self, names: Sequence[str], new: str) -> list[str]:
        """Return which of several models that are gone has the versions of the new name."""
        seen = await self.place.reader.versions_of(self.place.workspace, new)
        births = {(one.version.number, one.version.created_ms) for one in seen}
        return [
            name
            for name in names
            if births
            & {(one.number, one.created_ms) for one in self.place.held.versions(name).values()}
        ]

    async def _new(self, model: ModelSeen, scope: Scope) -> None:
        """Tell a new model."""
        row = self.place.held.row(self._subject(model.name))
        if row.data is not None:
            return  # another look has told it
        found = of_new_model(
            self.place.registry_id,
            model,
            row.revision + 1,
            scope.look,
            self.place.held.versions(model.name),
            observed_before_ms=scope.observed_before_ms,
        )
        await self.place.tell(row, found, scope)

    async def _gone(self, name: str, scope: Scope) -> None:
        """Tell that a model is gone, and each of its versions before it."""
        held = self.place.held.model(name)
        if held is None:
            return
        row, before = held
        now = replace(scope, rows=await self.place.held.now())
        for version in self.place.held.versions(name).values():
            await self.place.version_gone(version, now)
        found = of_gone_model(
            self.place.registry_id,
            before,
            row.revision + 1,
            scope.look,
            restored=scope.outcome.restored,
        )
        await self.place.tell(row, found, scope, gone=True)

    async def _renamed(self, old: str, new: str, scope: Scope) -> None:
        """Tell that a model has another name, and observe its versions under it.

        The old rows go last: whatever a crash leaves is found again and finished.
        """
        place, registry = self.place, self.place.registry_id
        held = place.held.model(old)
        if held is None:
            return
        row, before = held
        rows = await place.held.now()
        target = row_of(rows, self._subject(new))
        if target.data is None:
            named = replace(before.seen, name=new)
            found = of_renamed(registry, before, named, target.revision + 1, scope.look)
            await place.tell(target, found, scope)
        for version in place.held.versions(old).values():
            kept = held_version(rows, version)
            moved = row_of(rows, subject_of(replace(version, model=new)))
            if kept is not None and moved.data is None:
                found = of_moved(kept[1], new, scope.look, moved.revision + 1)
                await place.tell(moved, found, scope)
            if kept is not None:
                await place.tell(kept[0], Found(), scope, gone=True)
        await place.tell(row, Found(), scope, gone=True)
        scope.outcome.whole = False  # what else changed under the new name is for the next look

    def _subject(self, name: str) -> str:
        """Return the subject of a model here."""
        return model_subject(self.place.registry_id, self.place.workspace, name)
