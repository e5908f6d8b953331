"""Say of which models the mode has changed.

Place in the flow: the modes are in the configuration; those in force before are a snapshot. Each
model met so far whose mode differs is told once (`mode.changed`), at which `renew` asks anew for
what the old one did not allow. One met later has nothing to catch up with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from processor.events import ModeChanged
from processor.policy.mode import Mode, Modes
from processor.ports.log import EventLog
from processor.ports.snapshots import Snapshots
from processor.ports.views import Views
from processor.sources.findings import LEDGER
from processor.values.about import About
from processor.values.principal import SLUICE
from processor.values.snapshot import Snapshot

_SUBJECT = "modes"
_MODES: TypeAdapter[Modes] = TypeAdapter(Modes)


@dataclass(kw_only=True)
class ModesSource:
    """Looks until the modes of this process are the ones remembered, then has nothing to do.

    It never looks again: two processes with different configurations would tell for ever.
    """

    modes: Modes
    views: Views
    log: EventLog
    snapshots: Snapshots
    incarnation: str
    _told: bool = field(default=False, init=False)

    async def look(self) -> Mapping[str, str]:
        """Tell every change in one append; return that the ledger answered."""
        if not self._told:
            held = await self.snapshots.get(_SUBJECT)
            before = None if held.data is None else _MODES.validate_json(held.data)
            self._told = before == self.modes or await self._tell(held, before)
        return {LEDGER: ""}

    async def _tell(self, held: Snapshot, before: Modes | None) -> bool:
        """Remember the modes and tell of whom they changed; False when somebody was quicker."""
        said: Sequence[ModeChanged] = ()
        if before is not None:
            stamp = f"{self.incarnation}:{held.revision + 1}"
            said = [
                _changed(key, stamp, old, new)
                for key in await self.views.models()
                if (old := before.of(key)) != (new := self.modes.of(key))
            ]
        data = _MODES.dump_json(self.modes).decode()
        done = await self.log.append(said, snapshot=Snapshot(_SUBJECT, held.revision, data))
        return not done.missed


def _changed(model_key: str, stamp: str, old: Mode, new: Mode) -> ModeChanged:
    """Return one model's change; the revision it makes tells it from every other."""
    head = ModeChanged.heading(About.keyed(model_key), stamp, actor=SLUICE)
    return ModeChanged(head=head, old=old, new=new)
