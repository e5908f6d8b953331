"""What an operator may wish of the engine.

Place in the flow: `app` fills it, for the running process and for one that only holds the
ledger; API, pages and CLI call its commands.
"""

from dataclasses import dataclass

from processor.commands.drop import Drop
from processor.commands.hold import Hold
from processor.commands.pause import Pause
from processor.commands.release import Release
from processor.commands.resume import Resume
from processor.commands.retry import Retry


@dataclass(frozen=True, kw_only=True)
class Switches:
    """One command per switch."""

    pause: Pause
    resume: Resume
    hold: Hold
    release: Release
    retry: Retry
    drop: Drop
