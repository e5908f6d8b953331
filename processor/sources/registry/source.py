"""The looks at one registry.

Place in the flow: `app` keeps them going, each at its pace. The first full look is the baseline:
what was there before we came is observed, and starts nothing. When it began is kept in the
ledger, so a restart in the middle changes no answer, and what is made meanwhile is news.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from processor.errors import Terminal, Unavailable
from processor.ports.clock import Clock
from processor.ports.log import EventLog
from processor.ports.reading.registry import RegistryReader
from processor.ports.snapshots import Snapshots
from processor.ports.wakeups import Wakeups
from processor.rules.changes import subject_of
from processor.sources.registry.held import Held
from processor.sources.registry.models import Models
from processor.sources.registry.place import Outcome, Place
from processor.sources.registry.versions import Versions, unexplained
from processor.values.registry import ModelSeen, VersionSeen
from processor.values.snapshot import Snapshot
from processor.values.version import Version
from processor.values.wakeup import REGISTRY

_OVERLAP_MS = 60_000  # rows were seen to appear 2.2 s behind newer ones; a replica may lag more
_FEW, _MANY = 10, 1000  # models that changed lately: nearly always these, at most those
_INBOX = 1000  # versions read per tag; where more have it, the reconcile finds the rest


@dataclass(frozen=True)
class _Part:
    """One workspace with what compares it."""

    place: Place
    models: Models
    versions: Versions


@dataclass(frozen=True, kw_only=True)
class RegistrySource:
    """The looks at one registry. Each returns that it answered.

    `tags` are the keys of version tags that somebody waits for: MLflow moves no time for a tag,
    so these are asked for by name. Raises Unavailable when it is down, Terminal when it refuses
    to be read.
    """

    registry_id: str
    workspaces: Sequence[str]
    reader: RegistryReader
    log: EventLog
    snapshots: Snapshots
    clock: Clock
    incarnation: str
    tags: Sequence[str] = ()
    wakeups: Wakeups | None = None
    _parts: dict[str, _Part] = field(default_factory=dict, init=False, repr=False)
    _begun: set[str] = field(default_factory=set, init=False, repr=False)
    _beginning: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False)

    async def look_changes(self) -> Mapping[str, str]:
        """Read the versions and models that changed lately, and those with an awaited tag."""
        return await self._everywhere(self._changes)

    async def look_models(self) -> Mapping[str, str]:
        """Read every model: its aliases and tags move no time."""
        return await self._everywhere(self._models)

    async def reconcile(self) -> Mapping[str, str]:
        """Read every version there is; what is missing and confirmed missing is deleted."""
        return await self._everywhere(self._everything)

    async def look_hinted(self) -> Mapping[str, str]:
        """Read what hints named, and nothing else; every watched workspace may be meant."""
        if self.wakeups is None:
            return {}
        waiting = await self.wakeups.waiting(REGISTRY)

        async def named(part: _Part) -> bool:
            outcome = Outcome()
            scope = await part.place.scope(await part.place.before(), outcome)
            for hint in waiting:
                if hint.subject.number:
                    await part.versions.named(hint.subject.model, hint.subject.number, scope)
                else:
                    await part.models.meet(hint.subject.model, scope)
            return outcome.whole

        if not waiting:
            return {}
        found = await self._everywhere(named)
        await self.wakeups.done(waiting)
        return found

    async def _everywhere(self, look: Callable[[_Part], Awaitable[bool]]) -> Mapping[str, str]:
        """Look at each workspace; one that does not answer keeps no other waiting."""
        outage: Unavailable | Terminal | None = None
        for workspace in self.workspaces:
            try:
                part = self._of(workspace)
                if not await self._begin(part) or look != self._everything:
                    await look(part)
            except (Unavailable, Terminal) as problem:
                outage = outage or problem
        if outage is not None:
            raise outage
        return {"registry": ""}

    async def _begin(self, part: _Part) -> bool:
        """Make the baseline once, across restarts; return whether everything was read for it."""
        key = part.place.key
        async with self._beginning:
            if key in self._begun:
                return False
            subject = f"registry-baseline:{key}"
            row = await self.snapshots.get(subject)
            if row.data is None:
                start = round(self.clock.now().timestamp() * 1000)
                begun = json.dumps({"start_ms": start, "done": False})
                await self.log.append((), snapshot=Snapshot(subject, row.revision, begun))
                row = await self.snapshots.get(subject)
            baseline = json.loads(row.data or "{}")
            if not baseline["done"]:
                if not await self._everything(part, before_ms=baseline["start_ms"]):
                    return True  # somebody else writes here too: the next look settles it
                done = json.dumps({**baseline, "done": True})
                await self.log.append((), snapshot=replace(row, data=done))
            self._begun.add(key)
            return not baseline["done"]

    async def _changes(self, part: _Part) -> bool:
        """Read what changed since the newest known change, and a little before it."""
        place, outcome = part.place, Outcome()
        before = await place.before()
        opened = await place.open_effects()
        mark = await self._newest(place)
        since = max(0, json.loads(mark.data or "0") - _OVERLAP_MS)
        seen = await self.reader.versions(place.workspace, since)
        scope = await place.scope(before, outcome)
        await self._recent(part, since, seen, outcome)
        await part.versions.compare(seen, scope)
        asked_for = replace(scope.look, effects=opened)
        await part.versions.stragglers(asked_for, {row.version for row in seen}, scope)
        await self._inbox(part, outcome)
        if outcome.whole:
            await self._advance(mark, max((row.updated_ms for row in seen), default=0))
        return outcome.whole

    async def _recent(
        self, part: _Part, since: int, seen: Sequence[VersionSeen], outcome: Outcome
    ) -> None:
        """Read the models that changed lately: only their time tells that a version is gone."""
        place, limit = part.place, _FEW
        while True:
            before = await place.before()
            rows = await self.reader.recent_models(place.workspace, limit)
            whole = len(rows) < limit or rows[-1].updated_ms < since
            if whole or limit >= _MANY:
                break
            limit = _MANY
        scope = await place.scope(before, outcome)
        recent = [model for model in rows if model.updated_ms >= since]
        suspects = [one.name for one in recent if self._suspect(part, seen, one)]
        await part.models.compare(recent, scope)
        for name in suspects:
            await part.versions.whole_model(name, scope)

    @staticmethod
    def _suspect(part: _Part, seen: Sequence[VersionSeen], model: ModelSeen) -> bool:
        """Tell whether a version of a model may be gone: its time moved, and nothing says why."""
        held = part.place.held.model(model.name)
        return (
            held is not None
            and model.updated_ms > held[1].seen.updated_ms
            and unexplained(seen, model.name, model.updated_ms)
        )

    async def _inbox(self, part: _Part, outcome: Outcome) -> None:
        """Read the versions with a tag that somebody waits for."""
        for tag in self.tags:
            before = await part.place.before()
            seen = await self.reader.tagged(part.place.workspace, tag, _INBOX)
            await part.versions.compare(seen, await part.place.scope(before, outcome))

    async def _models(self, part: _Part) -> bool:
        """Read all models."""
        outcome = Outcome()
        await self._all_models(part, outcome)
        return outcome.whole

    async def _all_models(
        self, part: _Part, outcome: Outcome, *, full: bool = False, before_ms: int = 0
    ) -> None:
        """Read all models; a full reading can confirm that the registry went back in time."""
        before = await part.place.before()
        seen = await self.reader.models(part.place.workspace)
        scope = await part.place.scope(before, outcome, full=full, observed_before_ms=before_ms)
        await part.models.compare_all(seen, scope)

    async def _everything(self, part: _Part, before_ms: int = 0) -> bool:
        """Read all models and versions; return whether nobody else moved a snapshot meanwhile.

        Every page is compared with what was held right before it was asked for, so a long
        listing loses only the races it would lose anyway.
        """
        place, outcome, newest = part.place, Outcome(), 0
        mark = await self._newest(place)
        first = await place.before()
        await self._all_models(part, outcome, full=True, before_ms=before_ms)
        present: set[Version] = set()
        after: str | None = ""
        while after is not None:
            before = await place.before()
            page = await self.reader.page(place.workspace, after)
            scope = await place.scope(before, outcome, full=True, observed_before_ms=before_ms)
            await part.versions.compare(page.rows, scope)
            present |= {row.version for row in page.rows}
            newest = max(newest, *(row.updated_ms for row in page.rows), 0)
            after = page.after or None
        missing = [
            version
            for model in place.held.models()
            for version in place.held.versions(model).values()
            if version not in present and subject_of(version) in first.rows
        ]
        await part.versions.missing(missing, await place.scope(first, outcome, full=True))
        if outcome.whole:
            await self._advance(mark, newest)
        return outcome.whole

    async def _newest(self, place: Place) -> Snapshot:
        """Return the row holding the newest update time known, by the registry's clock."""
        return await self.snapshots.get(f"registry-seen:{place.key}")

    async def _advance(self, mark: Snapshot, newest: int) -> None:
        """Remember the newest update time; whoever else moved it was no less right."""
        if newest > json.loads(mark.data or "0"):
            await self.log.append((), snapshot=replace(mark, data=json.dumps(newest)))

    def _of(self, workspace: str) -> _Part:
        """Return the part of a workspace."""
        if workspace not in self._parts:
            held = Held(
                registry_id=self.registry_id,
                workspace=workspace,
                snapshots=self.snapshots,
                log=self.log,
            )
            place = Place(
                registry_id=self.registry_id,
                workspace=workspace,
                reader=self.reader,
                log=self.log,
                snapshots=self.snapshots,
                clock=self.clock,
                incarnation=self.incarnation,
                held=held,
            )
            models = Models(place)
            self._parts[workspace] = _Part(place, models, Versions(place, models))
        return self._parts[workspace]
