"""What the turns of the rows that go on have come to so far.

Place in the flow: `engine/turns` tells it how each turn ended, and asks how long a row waits and
whether there is any sense in waiting on. All of it is in memory: the next process begins with
short waits again, and gives each row time to look before it gives one up for being too old.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta

from processor.errors import NotYet, Retryable, Unavailable
from processor.ports.clock import Clock
from processor.values.work import Work

_AFRESH = 3600.0  # seconds in which a row may look, however old it is, once it can (again)
_GAP = 300.0  # seconds without a look after which it could not


@dataclass
class _Course:
    """One row: its failures in a row, since when it looks (and last did), whom it waits for.

    Both moments are steady seconds, None where it does not look.
    """

    failures: int = 0
    since: float | None = None
    last: float = 0.0
    waits: set[str] = field(default_factory=set)


@dataclass(frozen=True, kw_only=True)
class Tries:
    """The rows by their ids, from their first failure to their end; `longest` waits at most."""

    clock: Clock
    longest: float
    _courses: dict[int, _Course] = field(default_factory=dict)

    def failed(self, work: Work, failure: Retryable) -> float:
        """Take one more failure; return how many seconds to wait: longer with each in a row."""
        course, wait = self._course(work), failure.after
        if isinstance(failure, Unavailable):
            course.waits.add(failure.product)
        elif not failure.blames:
            return wait  # it asked to be left alone for just so long
        course.failures += 1
        return min(wait * 2.0 ** min(course.failures - 1, 16), max(self.longest, wait))

    def in_vain(self, work: Work, early: NotYet, *, blind: bool) -> bool:
        """Take that it was too early; tell whether the row has waited long enough.

        Its time counts from when its event was recorded. But a row that could not look (this
        process was not there, a product it needs was away, its lane was held; `blind`: who should
        see what it waits for is) has as much of it again as an hour allows.
        """
        course, now = self._course(work), self.clock.steady()
        course.failures = 0
        if blind:
            course.since = None
            return False
        if course.since is None or now - course.last > _GAP:
            course.since = now
        course.last = now
        old = self.clock.now() - work.recorded_at > timedelta(seconds=early.until)
        return old and now - course.since >= min(early.until, _AFRESH)

    def answered(self, work: Work, *, ended: bool) -> Collection[str]:
        """Take that no outage ended the turn; return the products no row waits for any more."""
        course = self._courses.get(work.id)
        if course is None:
            return ()
        freed = set(course.waits)
        course.waits.clear()
        if ended:
            del self._courses[work.id]
        return freed.difference(*(other.waits for other in self._courses.values()))

    def _course(self, work: Work) -> _Course:
        return self._courses.setdefault(work.id, _Course())
