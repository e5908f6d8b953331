"""How often a look may come, so that all looks together stay below a share of the product.

Place in the flow: `sources/pace` asks after every look. What a look costs is the time its requests
were out: an upper bound, for the way there and back and a busy server are in it too.
"""

from dataclasses import dataclass

_WEIGHT = 0.3  # of the newest look in the estimate
_AT_MOST = 4.0  # times the estimate that one look may count: the baseline is no habit
_NOTABLE = 1.5  # times longer or shorter, and it is worth saying


@dataclass(frozen=True)
class Rhythm:
    """How often a look was asked for, and what it may cost.

    `every` and `longest` are seconds between looks, `longest` being where a stretched one ends;
    `load` is the part of one core of the product it may keep busy, 0 for as much as it takes.
    """

    every: float
    load: float = 0.0
    longest: float = float("inf")

    @property
    def affordable(self) -> float:
        """Return the seconds a look may cost without being stretched."""
        return self.every * self.load


def cost_after(cost: float, before: float, measured: float, rhythm: Rhythm) -> float:
    """Return the new estimate of what a look costs, in seconds.

    It follows the newest looks and lies between the last two (`before` and `measured`). One that
    is far off (a first reading of everything, a server that was stuck) counts for a few times the
    usual, so that it does not silence the looks behind it; two in a row are believed.
    """
    usual = max(cost, rhythm.affordable)
    followed = cost + _WEIGHT * (min(measured, usual * _AT_MOST) - cost)
    return min(max(followed, min(before, measured)), max(before, measured))


def interval(rhythm: Rhythm, cost: float) -> float:
    """Return the seconds until the next look."""
    if not rhythm.load:
        return rhythm.every
    wanted = max(rhythm.every, cost / rhythm.load)
    return max(rhythm.every, min(wanted, rhythm.longest))


def soonest(rhythm: Rhythm, cost: float) -> float:
    """Return the seconds that must pass before a hint may bring the next look."""
    return min(cost / rhythm.load, interval(rhythm, cost)) if rhythm.load else 0.0


def is_notable(told: float, now: float) -> bool:
    """Tell whether an interval is so far from the one that was told that people should know."""
    return not told / _NOTABLE < now < told * _NOTABLE


def in_words(rhythm: Rhythm, cost: float) -> str:
    """Return how often it looks and why, `every 7.4 s instead of 2 s: a look costs 37 ms`."""
    now = interval(rhythm, cost)
    if now <= rhythm.every:
        return f"every {_span(rhythm.every)}: a look costs {_span(cost)}"
    said = f"every {_span(now)} instead of {_span(rhythm.every)}: a look costs {_span(cost)}"
    if cost / rhythm.load > now:
        return f"{said}, more than its share of max_load"
    return said


def _span(seconds: float) -> str:
    """Return seconds as people say them, to two figures."""
    if seconds < 1:
        return f"{seconds * 1000:.2g} ms" if seconds * 1000 < 100 else f"{seconds * 1000:.0f} ms"  # noqa: PLR2004 - no 1.2e+02
    if seconds < 100:  # noqa: PLR2004 - beyond it minutes read better
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"  # noqa: PLR2004
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"  # noqa: PLR2004
