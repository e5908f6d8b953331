"""What readers may look at.

Place in the flow: `app` fills it for the pages and API, the command line for a ledger no process
runs on; every question in this room takes it.
"""

from dataclasses import dataclass, replace

from processor.policy.mode import Modes
from processor.policy.policy import Policies
from processor.ports.clock import Clock
from processor.ports.dependencies import Dependencies
from processor.ports.log import EventLog
from processor.ports.looks import Looks
from processor.ports.views import Views
from processor.ports.work import WorkReader
from processor.values.people import People


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """The ledger, the policies in force, and what was last heard of the products we need.

    `looks` is how the sources fare, nothing where no process runs; `registry` is the registry's id;
    `modes` says how much may be written about each model.
    """

    views: Views
    log: EventLog
    work: WorkReader
    dependencies: Dependencies
    looks: Looks
    policies: Policies
    people: People
    clock: Clock
    registry: str
    workspaces: tuple[str, ...]
    modes: Modes

    def through(self, views: Views) -> "Knowledge":
        """Return the same, looked at through other views (a moment in the past)."""
        return replace(self, views=views)
