"""The composition root: the only room that knows all others.

Settings -> outside -> program -> tasks in one TaskGroup; drain and stop.
`run` is `sluice run`, `open_reader` reads without a running process, `check` is doctor's half.
"""

from processor.app.checkup import check
from processor.app.lifecycle import open_reader, run

__all__ = ["check", "open_reader", "run"]
