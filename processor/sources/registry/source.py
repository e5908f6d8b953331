"""Look at the model registry and append what changed.

Place in the flow: `app` keeps three looks going: newly changed versions every few seconds, the
aliases of all models now and then, and everything once in a while. MLflow tells nothing by
itself, has no tombstones, and moves no timestamp for an alias; so each look compares what is
there with what the snapshots hold (`rules/changes`), and the full one finds what is gone.

The first full look is the baseline: what was there before we came is observed, and starts
nothing. When it began is kept in the ledger, so a restart in the middle changes no answer.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from processor.errors import Terminal, Unavailable
from processor.ports.clock import Clock
from processor.ports.log import EventLog
from processor.ports.reading.registry import RegistryReader
from processor.ports.snapshots import Snapshots
from processor.rules.changes import (
    Found,
    model_subject,
    of_creation,
    of_gone,
    of_model,
    of_new,
    of_version,
    subject_of,
)
from processor.rules.ours import Look, number_made
from processor.sources.registry_held import (
    Held,
    live_models,
    live_versions,
    model_at,
    model_held,
    version_held,
)
from processor.values.effect import Effect, EffectClosing
from processor.values.registry import ModelSeen, VersionSeen
from processor.values.snapshot import Snapshot
from processor.values.version import Version, key_of

_OVERLAP_MS = 60_000  # rows were seen to appear 2.2 s behind newer ones; a replica may lag more
_TOGETHER = 200  # rows compared before they are told together


@dataclass(frozen=True, kw_only=True)
class _Scope:
    """One look at one workspace: what was held before it, and what it may have shown."""

    held: Mapping[str, Snapshot]
    look: Look
    full: bool
    observed_before_ms: int = 0


@dataclass(frozen=True, kw_only=True)
class RegistrySource:
    """The looks at one registry. Each returns that it answered.

    Raises Unavailable when it is down, Terminal when it refuses to be read.
    """

    registry_id: str
    workspaces: Sequence[str]
    reader: RegistryReader
    log: EventLog
    snapshots: Snapshots
    clock: Clock
    incarnation: str
    _held: dict[str, Held] = field(default_factory=dict, init=False, repr=False)
    _begun: set[str] = field(default_factory=set, init=False, repr=False)
    _beginning: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False)

    async def look_changes(self) -> Mapping[str, str]:
        """Read the versions that changed lately."""
        return await self._everywhere(self._changes)

    async def look_models(self) -> Mapping[str, str]:
        """Read the aliases of every model."""
        return await self._everywhere(self._models)

    async def reconcile(self) -> Mapping[str, str]:
        """Read every version there is; what is missing and confirmed missing is deleted."""
        return await self._everywhere(self._everything)

    async def _everywhere(self, look: Callable[[str], Awaitable[object]]) -> Mapping[str, str]:
        """Look at each workspace; one that does not answer keeps no other waiting."""
        outage: Unavailable | Terminal | None = None
        for workspace in self.workspaces:
            try:
                await self._begin(workspace)
                await look(workspace)
            except (Unavailable, Terminal) as problem:
                outage = outage or problem
        if outage is not None:
            raise outage
        return {"registry": ""}

    async def _begin(self, workspace: str) -> None:
        """Make the baseline once, across restarts."""
        async with self._beginning:
            if workspace in self._begun:
                return
            subject = f"registry-baseline:{key_of(self.registry_id, workspace)}"
            row = await self.snapshots.get(subject)
            if row.data is None:
                start = round(self.clock.now().timestamp() * 1000)
                begun = json.dumps({"start_ms": start, "done": False})
                await self.log.append((), snapshot=Snapshot(subject, row.revision, begun))
                row = await self.snapshots.get(subject)
            baseline = json.loads(row.data or "{}")
            if not baseline["done"]:
                if not await self._everything(workspace, before_ms=baseline["start_ms"]):
                    return  # somebody else writes here too: the next look settles it
                done = json.dumps({**baseline, "done": True})
                await self.log.append((), snapshot=replace(row, data=done))
            self._begun.add(workspace)

    async def _changes(self, workspace: str) -> None:
        """Read what changed since the newest known change, and a little before it."""
        rows = await self._of(workspace).now()
        opened = await self.snapshots.open_effects(self._of(workspace).prefix)
        mark = await self._newest(workspace)
        since = max(0, json.loads(mark.data or "0") - _OVERLAP_MS)
        asked = self.clock.now()
        seen = await self.reader.versions(workspace, since)
        scope = await self._scope(workspace, rows, asked, full=False)
        whole = await self._compare(workspace, seen, scope)
        asked_for = replace(scope.look, effects=opened)
        whole &= await self._stragglers(workspace, scope, asked_for, {row.version for row in seen})
        if whole:
            await self._advance(mark, seen)

    async def _everything(self, workspace: str, before_ms: int = 0) -> bool:
        """Read all versions; return whether nobody else moved a snapshot meanwhile."""
        rows = await self._of(workspace).now()
        mark = await self._newest(workspace)
        asked = self.clock.now()
        seen = await self.reader.versions(workspace, None)
        scope = await self._scope(workspace, rows, asked, full=True)
        scope = replace(scope, observed_before_ms=before_ms)
        whole = await self._compare(workspace, seen, scope)
        present = {row.version for row in seen}
        for version in list(live_versions(await self._of(workspace).now())):
            if version not in present and subject_of(version) in rows:
                whole &= await self._confirm(workspace, version, scope)
        if whole:
            await self._advance(mark, seen)
        return whole

    async def _models(self, workspace: str) -> None:
        """Read the aliases of all models."""
        rows = await self._of(workspace).now()
        asked = self.clock.now()
        seen = {
            model_subject(self.registry_id, workspace, one.name): one
            for one in await self.reader.models(workspace)
        }
        scope = await self._scope(workspace, rows, asked, full=True)
        for subject in live_models(rows):
            if subject not in seen and await self._model_gone(workspace, subject, scope):
                seen[subject] = ModelSeen(workspace, model_at(subject), 0, {})
        touched = {one.subject for one in scope.look.effects}
        for subject, model in seen.items():
            row = rows.get(subject, Snapshot(subject, 0, None))
            before = model_held(row.data)
            numbers = _numbers(rows, model.name) if subject in touched else {}
            found = of_model(self.registry_id, before, model, row.revision + 1, scope.look, numbers)
            if found.tells:
                await self._of(workspace).tell(row, found)

    async def _compare(self, workspace: str, seen: Iterable[VersionSeen], scope: _Scope) -> bool:
        """Tell what is new or changed among these versions, the oldest change first."""
        whole = True
        former: Mapping[tuple[str, str], Version] | None = None
        waiting: list[tuple[Snapshot, Found]] = []
        for count, row in enumerate(sorted(seen, key=lambda one: one.updated_ms), start=1):
            subject = subject_of(row.version)
            held = scope.held.get(subject, Snapshot(subject, 0, None))
            if held.data is None:
                if former is None:
                    former = {(one.model, one.number): one for one in live_versions(scope.held)}
                replaced = former.get((row.version.model, row.version.number))
                if replaced is not None:  # the model was deleted and made again
                    whole &= await self._gone(workspace, replaced, scope)
            waiting.append((held, await self._found(row, held, scope)))
            if count % _TOGETHER == 0:
                whole &= await self._of(workspace).tell_all(waiting)
                waiting.clear()
        return await self._of(workspace).tell_all(waiting) and whole

    async def _found(self, row: VersionSeen, held: Snapshot, scope: _Scope) -> Found:
        """Return what one version's row leads to."""
        creator = await self._creator(row, held, scope.look)
        if held.data is None:
            return of_new(
                row,
                scope.look,
                observed_before_ms=scope.observed_before_ms,
                creator=creator,
            )
        before = version_held(held.data)
        found = of_version(before, row, held.revision + 1, scope.look, full=scope.full)
        return replace(found, closings=(*found.closings, *of_creation(creator, scope.look)))

    async def _creator(self, row: VersionSeen, held: Snapshot, look: Look) -> Effect | None:
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
            if made is None and held.data is None and row.run_id:
                number = await self.reader.created_by(
                    version.workspace, version.model, row.run_id, effect.key
                )
                if number == version.number:
                    return effect
        return None

    async def _stragglers(
        self, workspace: str, scope: _Scope, asked_for: Look, seen: set[Version]
    ) -> bool:
        """Read alone what an answered effect of ours concerns and the last changes left out."""
        whole = True
        settled = [one for one in asked_for.effects if asked_for.settled(one)]
        live = {subject_of(one): one for one in live_versions(scope.held)} if settled else {}
        for effect in settled:
            version = live.get(effect.subject)
            if effect.field == "stage" and version is not None and version not in seen:
                whole &= await self._confirm(workspace, version, scope)
            elif effect.field == "version" and (number := number_made(effect)) is not None:
                model = model_at(effect.subject)
                if any((one.model, one.number) == (model, number) for one in seen):
                    continue
                row, alone = await self._alone(workspace, model, number, scope)
                if row is None:
                    await self.log.append((), closings=(EffectClosing(effect.key, "overwritten"),))
                else:
                    whole &= await self._compare(workspace, (row,), alone)
        return whole

    async def _confirm(self, workspace: str, version: Version, scope: _Scope) -> bool:
        """Read one version alone: a listing may skip it, only this says that it is gone."""
        row, alone = await self._alone(workspace, version.model, version.number, scope)
        if row is None or row.version != version:
            return await self._gone(workspace, version, alone)
        return await self._compare(workspace, (row,), alone)

    async def _alone(
        self, workspace: str, model: str, number: str, within: _Scope
    ) -> tuple[VersionSeen | None, _Scope]:
        """Read one version, with what was held before and the effects this very read may show."""
        rows = await self._of(workspace).now()
        asked = self.clock.now()
        row = await self.reader.version(workspace, model, number)
        fresh = await self._scope(workspace, rows, asked, full=within.full)
        return row, replace(fresh, observed_before_ms=within.observed_before_ms)

    async def _gone(self, workspace: str, version: Version, scope: _Scope) -> bool:
        """Tell that a version is gone."""
        held = scope.held.get(subject_of(version))
        if held is None or held.data is None:
            return True  # told by another look meanwhile
        return await self._of(workspace).tell(held, of_gone(version, scope.look), gone=True)

    async def _model_gone(self, workspace: str, subject: str, scope: _Scope) -> bool:
        """Tell whether every version its aliases name (or should name) is really gone."""
        aliases = model_held(scope.held[subject].data).aliases
        asked = [
            one.new
            for one in scope.look.effects
            if one.subject == subject and one.field.startswith("alias:") and one.new
        ]
        for number in sorted({*aliases.values(), *asked}):
            if await self.reader.version(workspace, model_at(subject), number) is not None:
                return False
        return True

    async def _scope(
        self, workspace: str, rows: Mapping[str, Snapshot], asked: datetime, *, full: bool
    ) -> _Scope:
        """Return the look whose answer has just arrived, with the effects it may show."""
        read = self.clock.now()
        effects = await self.snapshots.open_effects(self._of(workspace).prefix)
        look = Look(
            incarnation=self.incarnation, asked_at=asked, read_at=read, effects=tuple(effects)
        )
        return _Scope(held=rows, look=look, full=full)

    async def _newest(self, workspace: str) -> Snapshot:
        """Return the row holding the newest update time known, by the registry's clock."""
        return await self.snapshots.get(f"registry-seen:{key_of(self.registry_id, workspace)}")

    async def _advance(self, mark: Snapshot, seen: Iterable[VersionSeen]) -> None:
        """Remember the newest update time; whoever else moved it was no less right."""
        newest = max((row.updated_ms for row in seen), default=0)
        if newest > json.loads(mark.data or "0"):
            await self.log.append((), snapshot=replace(mark, data=json.dumps(newest)))

    def _of(self, workspace: str) -> Held:
        """Return what is held of a workspace."""
        return self._held.setdefault(
            workspace,
            Held(
                registry_id=self.registry_id,
                workspace=workspace,
                snapshots=self.snapshots,
                log=self.log,
            ),
        )


def _numbers(rows: Mapping[str, Snapshot], model: str) -> dict[str, Version]:
    """Return a model's known versions by number."""
    return {one.number: one for one in live_versions(rows) if one.model == model}
