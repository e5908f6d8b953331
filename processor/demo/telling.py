"""What the person in front of the terminal sees, and how long each phase took.

Place in the flow: `demo/story` and `demo/parts` speak through a `Teller`.
"""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TextIO, TypeVar

T = TypeVar("T")
_REMIND = 5.0  # seconds of silence before a wait is mentioned again


class StoryBroke(Exception):
    """The story cannot go on; the message says where and what to look at."""


@dataclass(kw_only=True)
class Teller:
    """Lines with elapsed seconds, and seconds by phase; `check` may end any wait with StoryBroke.

    The phases follow each other without gaps, so their seconds add up to the total.
    """

    out: TextIO = field(default_factory=lambda: sys.stderr)
    check: Callable[[], None] = lambda: None
    seconds: dict[str, float] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)
    _phase: tuple[str, float] | None = None

    def say(self, text: str = "") -> None:
        """Write one line."""
        print(f"[{self.elapsed:5.1f} s] {text}" if text else "", file=self.out, flush=True)

    @property
    def elapsed(self) -> float:
        """Return the seconds since the beginning."""
        return time.monotonic() - self._began

    def phase(self, name: str | None) -> None:
        """End the phase there is; begin the next, unless the story is over."""
        now = time.monotonic()
        if self._phase:
            ended, since = self._phase
            self.seconds[ended] = self.seconds.get(ended, 0.0) + now - since
        self._phase = (name, now if self._phase else self._began) if name else None

    def wait(
        self, what: str, look: Callable[[], T | None], *, timeout: float | None, every: float = 0.15
    ) -> T:
        """Look until there is something and return it; say what is waited for when it takes long.

        `timeout` and `every` are seconds; None waits for ever. Raises StoryBroke.
        """
        began = spoken = time.monotonic()
        while (found := look()) is None:
            self.check()
            now = time.monotonic()
            if timeout is not None and now - began > timeout:
                raise StoryBroke(f"{what} did not happen within {timeout:.0f} s")
            if timeout is not None and now - spoken > _REMIND:
                spoken = now
                self.say(f"  ... {what} ({now - began:.0f} s so far)")
            time.sleep(every)
        return found

    def shares(self) -> Mapping[str, float]:
        """Return the total and each phase's seconds."""
        total = {"total": round(sum(self.seconds.values()), 2)}
        return total | {name: round(taken, 2) for name, taken in self.seconds.items()}
