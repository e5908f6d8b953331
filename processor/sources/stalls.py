"""Say when a look has not gone well for far longer than it should.

Place in the flow: `schedule` keeps how every look is going; this judges it by `rules/stalls` and
appends `source.stalled`, once per stall. Since when is a snapshot, so that a restart neither
begins the wait anew nor tells again; a look that went well ends the stall.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter

from processor.events import SourceStalled
from processor.ports.clock import Clock
from processor.ports.log import EventLog
from processor.ports.looks import Looks
from processor.ports.snapshots import Snapshots
from processor.rules.stalls import Trouble, reason_of, trouble
from processor.sources.findings import LEDGER
from processor.values.about import About
from processor.values.look import LookState
from processor.values.principal import SLUICE
from processor.values.snapshot import Snapshot

_PREFIX = "stall:"
_TROUBLE: TypeAdapter[Trouble] = TypeAdapter(Trouble)


@dataclass(frozen=True, kw_only=True)
class StallsSource:
    """Looks at the looks."""

    registry_id: str
    looks: Looks
    log: EventLog
    snapshots: Snapshots
    clock: Clock
    incarnation: str

    async def look(self) -> Mapping[str, str]:
        """Tell of every look that is stalled by now; return that the ledger answered."""
        states = self.looks.states()
        held = await self.snapshots.load(_PREFIX)
        for name, state in states.items():
            subject = f"{_PREFIX}{name}"
            await self._judge(state, held.get(subject, Snapshot(subject, 0, None)))
        return {LEDGER: ""}

    async def _judge(self, state: LookState, row: Snapshot) -> None:
        """Remember how it stands with a look if that is news, and tell what is to be told."""
        before = None if row.data is None else _TROUBLE.validate_json(row.data)
        now = trouble(state, before, self.clock.now())
        if now == before:
            return
        data = None if now is None else _TROUBLE.dump_json(now).decode()
        tells = now is not None and now.told and not (before and before.told)
        said = [self._told(state, now, row.revision + 1)] if tells and now else []
        await self.log.append(said, snapshot=Snapshot(row.subject, row.revision, data))

    def _told(self, state: LookState, stall: Trouble, revision: int) -> SourceStalled:
        """Return the event; the revision it makes tells it from every other stall."""
        head = SourceStalled.heading(
            About(self.registry_id),
            f"{self.incarnation}:{state.name}:{revision}",
            actor=SLUICE,
        )
        return SourceStalled(
            head=head,
            name=state.name.replace(".", " "),
            since=stall.since,
            reason=reason_of(state),
        )
