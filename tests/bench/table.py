"""How a promise of speed is printed: measured, reach, met or missed, and every sample.

Place in the flow: P1 to P3, P5 and P8 print one line per promise; what is only told beside it has
no reach.
"""

import argparse
import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Line:
    """A promise: `ratios` are taken within one run each, their median is what counts.

    `reach` None: told, not promised. `most`: a ratio that must not be exceeded.
    """

    what: str
    ratios: Sequence[float]
    reach: float | None = None
    most: bool = False

    @property
    def measured(self) -> float:
        """Return the median."""
        return statistics.median(self.ratios)

    @property
    def met(self) -> bool | None:
        """Tell whether it reaches as far as promised; None when nothing is."""
        if self.reach is None:
            return None
        return self.measured <= self.reach if self.most else self.measured >= self.reach

    def __str__(self) -> str:
        """Return the line."""
        reach = "" if self.reach is None else f"{'<=' if self.most else '>='} {self.reach:g}"
        word = {True: "met", False: "MISSED", None: "told"}[self.met]
        samples = " ".join(f"{ratio:.3g}" for ratio in self.ratios)
        return f"{self.what:<58}{self.measured:>9.3g}  {reach:>7}  {word:<7}{samples}"


def asking(description: str) -> argparse.ArgumentParser:
    """Return the parser of what every bench is asked."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--samples", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    return parser


def show(title: str, lines: Sequence[Line]) -> None:
    """Print the promises under their title."""
    print(title)
    print(f"{'what':<58}{'measured':>9}  {'reach':>7}  {'':<7}samples")
    for line in lines:
        print(line)


def end(promise: str, lines: Sequence[Line], fdatasync: Iterable[float], *, as_json: bool) -> None:
    """Print how quick the disk was (milliseconds), and all of it once more if wished."""
    print(f"fdatasync p50 {statistics.median(fdatasync):.2f} ms")
    if as_json:
        print(json.dumps({promise: _as_json(lines)}))


def _as_json(lines: Sequence[Line]) -> dict[str, dict[str, object]]:
    """Return what `--json` ends with."""
    return {
        line.what: {"measured": line.measured, "reach": line.reach, "met": line.met}
        for line in lines
    }
