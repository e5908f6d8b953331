"""The operator's wishes, over a ledger.

Place in the flow: `site` gives them to the web of the running process; `alone` to the command
line where none runs.
"""

from processor.adapters.ledgers import Ledger
from processor.commands.drop import Drop
from processor.commands.hold import Hold
from processor.commands.operators import Operators
from processor.commands.pause import Pause
from processor.commands.release import Release
from processor.commands.resume import Resume
from processor.commands.retry import Retry
from processor.commands.switches import Switches
from processor.ports.clock import Clock
from processor.settings.load import Loaded


def switches(loaded: Loaded, ledger: Ledger, clock: Clock, *, alone: bool = False) -> Switches:
    """Return every switch; `alone` takes a claimed name, as nobody can sign in."""
    log, views, registry = ledger.log, ledger.views, loaded.settings.registry.id
    operators = Operators(loaded.people, alone)
    return Switches(
        pause=Pause(log=log, operators=operators, registry=registry),
        resume=Resume(log=log, views=views, operators=operators, registry=registry),
        hold=Hold(log=log, clock=clock, policies=loaded.policies, operators=operators),
        release=Release(log=log, views=views, operators=operators),
        retry=Retry(log=log, rows=ledger.dead, operators=operators, registry=registry),
        drop=Drop(log=log, rows=ledger.dead, operators=operators, registry=registry),
    )
