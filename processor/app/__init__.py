"""The composition root: the only room that knows all others.

Settings -> outside -> program -> tasks in one TaskGroup; drain and stop.
`run` is `sluice run`, `open_reader` reads without a running process, `open_alone` also wishes
what needs none, `check` is doctor's half, `maintenance` looks after the ledger's file.
"""

from processor.adapters.ledgers.lock import InUse
from processor.app.alone import Alone, open_alone
from processor.app.checkup import check
from processor.app.lifecycle import Reader, open_reader, run

__all__ = ["Alone", "InUse", "Reader", "check", "open_alone", "open_reader", "run"]
