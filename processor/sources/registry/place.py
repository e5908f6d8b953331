"""One workspace of the registry, and what one look at it is.

Place in the flow: every look begins with `before`, asks the registry, and then makes its `Scope`:
so no effect that the answer shows is missing, and every revision was held before the request.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from processor import log
from processor.errors import Forbidden
from processor.ports.clock import Clock
from processor.ports.log import EventLog
from processor.ports.reading.registry import RegistryReader
from processor.ports.snapshots import Snapshots
from processor.rules.changes import Found, of_gone, subject_of
from processor.rules.ours import Look
from processor.sources.registry.held import Held, Rows, row_of
from processor.values.effect import Effect
from processor.values.snapshot import Snapshot
from processor.values.version import Version, key_of


@dataclass
class Outcome:
    """What became of a look.

    `whole`: nobody else moved a snapshot meanwhile. `doubts`: the registry claims an older state
    of something, so what is missing may only be missing in an old copy. `restored`: two full
    readings agreed on an older state. `hidden`: models we may not see any more.
    """

    whole: bool = True
    doubts: bool = False
    restored: bool = False
    hidden: set[str] = field(default_factory=set)

    def heed(self, found: Found) -> Found:
        """Note what one subject's reading says of the registry as a whole."""
        self.doubts |= found.doubts
        self.restored |= found.restored
        return found


@dataclass(frozen=True)
class Before:
    """What was held when a request was sent, and when that was."""

    rows: Rows
    asked_at: datetime


@dataclass(frozen=True, kw_only=True)
class Scope:
    """One answer: what was held before it was asked for, and what it may show.

    `full` readings can confirm that the registry went back in time.
    """

    rows: Rows
    look: Look
    outcome: Outcome
    full: bool = False
    observed_before_ms: int = 0


@dataclass(frozen=True, kw_only=True)
class Place:
    """One workspace."""

    registry_id: str
    workspace: str
    reader: RegistryReader
    log: EventLog
    snapshots: Snapshots
    clock: Clock
    incarnation: str
    held: Held

    @property
    def key(self) -> str:
        """Return `<registry>/<workspace>`."""
        return key_of(self.registry_id, self.workspace)

    async def before(self) -> Before:
        """Return what is held now: the next request is sent after it."""
        rows = await self.held.now()
        return Before(rows, self.clock.now())

    async def scope(
        self, before: Before, outcome: Outcome, *, full: bool = False, observed_before_ms: int = 0
    ) -> Scope:
        """Return the scope of the answer that has just arrived."""
        read = self.clock.now()
        look = Look(
            incarnation=self.incarnation,
            asked_at=before.asked_at,
            read_at=read,
            effects=tuple(await self.open_effects()),
        )
        return Scope(
            rows=before.rows,
            look=look,
            outcome=outcome,
            full=full,
            observed_before_ms=observed_before_ms,
        )

    async def alone(self, before: Before, within: Scope) -> Scope:
        """Return the scope of a read of one thing, made in the course of another look."""
        return await self.scope(
            before,
            within.outcome,
            full=within.full,
            observed_before_ms=within.observed_before_ms,
        )

    async def open_effects(self) -> Sequence[Effect]:
        """Return the open effects on anything here."""
        return await self.snapshots.open_effects(self.held.prefix)

    async def tell(self, row: Snapshot, found: Found, scope: Scope, *, gone: bool = False) -> None:
        """Append what one subject's reading leads to."""
        scope.outcome.whole &= await self.held.tell(row, scope.outcome.heed(found), gone=gone)

    def hide(self, model: str, refusal: Forbidden, scope: Scope) -> None:
        """Note that a model may not be seen any more: what is hidden is not gone."""
        scope.outcome.hidden.add(model)
        log.warn("registry.hidden", model=model, reason=str(refusal))

    async def version_gone(self, version: Version, scope: Scope) -> None:
        """Tell that a version is gone, which a read has confirmed."""
        row = row_of(scope.rows, subject_of(version))
        if row.data is not None:  # else another look has told it
            found = of_gone(version, scope.look, restored=scope.outcome.restored)
            await self.tell(row, found, scope, gone=True)
