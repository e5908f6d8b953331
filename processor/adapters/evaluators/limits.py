"""What holds a gate's program in, in numbers and in words.

Place in the flow: `app` makes `Limits` from the settings, `child` gives them to the launcher,
`trial` finds which of them this machine enforces.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from processor.values.job import LimitName

NAMES: tuple[LimitName, ...] = get_args(LimitName)

_KB = 1024


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Seconds, bytes and numbers; `without` names what an operator lets programs go without.

    `cpu` and `memory` bound each process, and all of them together where `children` holds.
    """

    cpu: float = 60.0
    memory: int = _KB**3
    output: int = 64 * _KB
    scratch: int = 64 * _KB**2
    processes: int = 64
    descriptors: int = 256
    without: frozenset[LimitName] = frozenset()

    def orders(self, timeout: float) -> Mapping[str, float | bool]:
        """Return what the launcher is told to keep."""
        every: dict[LimitName, float | bool] = {
            "network": True,
            "files": True,
            "children": True,
            "cpu": math.ceil(self.cpu),
            "memory": self.memory,
            "processes": self.processes,
            "descriptors": self.descriptors,
            "scratch": self.scratch,
        }
        kept: dict[str, float | bool] = {
            name: value for name, value in every.items() if name not in self.without
        }
        return {**kept, "time": timeout}

    def enforces(self, name: LimitName) -> str:
        """Return what a limit does, in words an operator reads."""
        words: dict[LimitName, str] = {
            "network": "network off",
            "files": "no file but the policy's folder and the system's programs",
            "children": "nothing a program starts outlives it",
            "cpu": f"at most {self.cpu:g} s of processor time",
            "memory": f"at most {size(self.memory)} of memory",
            "processes": f"at most {self.processes} processes and threads",
            "descriptors": f"at most {self.descriptors} open files",
            "scratch": f"at most {size(self.scratch)} of files written",
        }
        return words[name]


def size(number: int) -> str:
    """Return bytes as a person writes them."""
    for unit, factor in (("GB", _KB**3), ("MB", _KB**2), ("KB", _KB)):
        if number >= factor and number % factor == 0:
            return f"{number // factor}{unit}"
    return f"{number} bytes"
