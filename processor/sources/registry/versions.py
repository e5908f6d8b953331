"""Compare versions: new, changed, made again, gone, and what an open effect of ours concerns.

Place in the flow: `source` gives it the rows of a look. A listing that leaves a version out says
nothing; a read of it alone says that it is gone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from processor.errors import Forbidden
from processor.rules.changes import (
    Found,
    HeldVersion,
    model_subject,
    of_creation,
    of_new,
    of_version,
    subject_of,
)
from processor.rules.ours import Look, number_made
from processor.sources.registry.held import held_version, model_at, row_of, version_at
from processor.sources.registry.models import Models
from processor.sources.registry.place import Place, Scope
from processor.values.effect import Effect, EffectClosing
from processor.values.registry import VersionSeen
from processor.values.snapshot import Snapshot
from processor.values.version import Version

_TOGETHER = 200  # rows compared before they are told together


@dataclass(frozen=True)
class Versions:
    """The versions of one workspace."""

    place: Place
    models: Models

    async def compare(self, seen: Iterable[VersionSeen], scope: Scope) -> None:
        """Tell what is new or changed among these versions, the oldest change first."""
        waiting: list[tuple[Snapshot, Found]] = []
        for row in sorted(seen, key=lambda one: one.updated_ms):
            held = held_version(scope.rows, row.version)
            if held is None and not self._simply_new(row.version):
                await self._tell(waiting, scope)
                if not await self._welcome(row, scope):
                    continue
            found = scope.outcome.heed(await self._found(row, held, scope))
            waiting.append((row_of(scope.rows, subject_of(row.version)), found))
            if len(waiting) == _TOGETHER:
                await self._tell(waiting, scope)
        await self._tell(waiting, scope)

    async def named(self, model: str, number: str, scope: Scope) -> None:
        """Read one version alone and compare it; one that was there and is gone is told."""
        before = await self.place.before()
        known = self.place.held.version(model, number)
        row = await self.place.reader.version(self.place.workspace, model, number)
        alone = await self.place.alone(before, scope)
        if row is not None:
            await self.compare((row,), alone)
        if known is not None and (row is None or row.version != known):
            await self._gone(known, alone)

    async def missing(self, versions: Iterable[Version], scope: Scope) -> None:
        """Ask for versions that a listing left out: gone, hidden, or skipped."""
        for version in versions:
            if version.model in scope.outcome.hidden:
                continue
            try:
                await self.named(version.model, version.number, scope)
            except Forbidden as refusal:
                self.place.hide(version.model, refusal, scope)

    async def whole_model(self, model: str, scope: Scope) -> None:
        """Read every version of a model whose own time moved and nothing seen explains it."""
        before = await self.place.before()
        seen = await self.place.reader.versions_of(self.place.workspace, model)
        alone = await self.place.alone(before, scope)
        await self.compare(seen, alone)
        there = {row.version for row in seen}
        known = self.place.held.versions(model).values()
        was_there = [one for one in known if subject_of(one) in before.rows]
        await self.missing([one for one in was_there if one not in there], alone)

    async def stragglers(self, asked_for: Look, seen: set[Version], scope: Scope) -> None:
        """Read alone what an answered effect of ours concerns and the last changes left out."""
        there = {(one.model, one.number) for one in seen}
        for effect in asked_for.effects:
            if not asked_for.settled(effect):
                continue
            if effect.field == "version":
                model = model_at(effect.subject)
                number = number_made(effect)
                if number is not None and (model, number) not in there:
                    await self._made(effect, model, number, scope)
            elif not effect.field.startswith("alias:"):
                version = version_at(effect.subject)
                if self.place.held.version(version.model, version.number) != version:
                    await self._close(effect)
                elif version not in seen:
                    await self.named(version.model, version.number, scope)

    async def _made(self, effect: Effect, model: str, number: str, scope: Scope) -> None:
        """Read a version of ours that the last changes left out."""
        before = await self.place.before()
        row = await self.place.reader.version(self.place.workspace, model, number)
        if row is None:
            await self._close(effect)
        else:
            await self.compare((row,), await self.place.alone(before, scope))

    async def _close(self, effect: Effect) -> None:
        """Close an effect on what is not there any more."""
        await self.place.log.append((), closings=(EffectClosing(effect.key, "overwritten"),))

    async def _tell(self, waiting: list[tuple[Snapshot, Found]], scope: Scope) -> None:
        """Tell what has been gathered."""
        scope.outcome.whole &= await self.place.held.tell_all(waiting)
        waiting.clear()

    def _simply_new(self, version: Version) -> bool:
        """Tell whether a version that was not there is just one more of a model that was."""
        held = self.place.held
        numbered = held.version(version.model, version.number)
        return (
            numbered in {None, version}
            and held.model(version.model) is not None
            and not self.models.unfinished(version.model)
        )

    async def _welcome(self, row: VersionSeen, scope: Scope) -> bool:
        """Make way for a version that was not there; False: it is for the next look."""
        version, held = row.version, self.place.held
        replaced = held.version(version.model, version.number)
        if replaced is not None and replaced != version:  # its model was deleted and made again
            now = replace(scope, rows=await held.now())
            await self.place.version_gone(replaced, now)
        if held.model(version.model) is None or replaced not in {None, version}:
            await self.models.meet(version.model, scope)
        elif self.models.unfinished(version.model):
            await self.models.finish_rename(version.model, scope)
        return held.row(subject_of(version)).data is None

    async def _gone(self, version: Version, scope: Scope) -> None:
        """Tell that a version is gone, unless all the registry seems to be an older copy."""
        if not scope.outcome.doubts:
            await self.place.version_gone(version, scope)

    async def _found(
        self, row: VersionSeen, held: tuple[Snapshot, HeldVersion] | None, scope: Scope
    ) -> Found:
        """Return what one version's row leads to."""
        creator = await self._creator(row, scope.look, known=held is not None)
        if held is None:
            return of_new(
                row,
                scope.look,
                observed_before_ms=scope.observed_before_ms,
                creator=creator,
            )
        snapshot, before = held
        found = of_version(before, row, snapshot.revision + 1, scope.look, full=scope.full)
        return replace(found, closings=(*found.closings, *of_creation(creator, scope.look)))

    async def _creator(self, row: VersionSeen, look: Look, *, known: bool) -> Effect | None:
        """Return the effect of ours that made this version.

        While its request is still out the number is not known here, but the version carries the
        effect's key: the registry is asked who made it.
        """
        version = row.version
        subject = model_subject(version.registry, version.workspace, version.model)
        for effect in look.of(subject, "version"):
            made = number_made(effect)
            if made == version.number:
                return effect
            if made is None and not known and row.run_id:
                number = await self.place.reader.created_by(
                    version.workspace, version.model, row.run_id, effect.key
                )
                if number == version.number:
                    return effect
        return None


def unexplained(seen: Sequence[VersionSeen], model: str, updated_ms: int) -> bool:
    """Tell whether no change of a version explains that its model's time moved: one may be gone."""
    return all(row.updated_ms != updated_ms for row in seen if row.version.model == model)
