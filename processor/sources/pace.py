"""What looks cost the product they ask, and how they have been going.

Place in the flow: the HTTP session tells every answer's time (`asked`), which counts for the look
it was asked by; `schedule` begins and ends looks here and waits as long as `rules/pace` says.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime

from processor import log
from processor.ports.clock import Clock
from processor.rules.pace import Rhythm, cost_after, in_words, interval, is_notable, soonest
from processor.values.look import LookState


@dataclass
class _Tally:
    """The requests of one look."""

    requests: int = 0
    seconds: float = 0.0


_tally: ContextVar[_Tally | None] = ContextVar("tally", default=None)


def asked(seconds: float) -> None:
    """Count a request that was out so long; it belongs to the look under way, if there is one."""
    tally = _tally.get()
    if tally is not None:
        tally.requests += 1
        tally.seconds += seconds


@dataclass(kw_only=True)
class Course:
    """How one look has been going."""

    name: str
    rhythm: Rhythm
    clock: Clock
    first: datetime | None = field(default=None, init=False)
    well: datetime | None = field(default=None, init=False)
    problem: str = field(default="", init=False)
    _cost: float = field(default=0.0, init=False)
    _before: float = field(default=0.0, init=False)
    _told: float = field(default=0.0, init=False)
    _last: _Tally = field(default_factory=_Tally, init=False)
    _began: tuple[datetime, float] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        """Begin with the cost that needs no stretching."""
        self._cost = self._before = self.rhythm.affordable
        self._told = self.rhythm.every

    @property
    def interval(self) -> float:
        """Return the seconds between two looks."""
        return interval(self.rhythm, self._cost)

    @property
    def soonest(self) -> float:
        """Return the seconds a hint has to wait."""
        return soonest(self.rhythm, self._cost)

    def begins(self) -> None:
        """Take that a look begins; what is asked from here on in this task is its."""
        now = self.clock.now()
        self._began = (now, self.clock.steady())
        self.first = self.first or now
        _tally.set(_Tally())

    def ends(self, problem: str = "") -> None:
        """Take that it is over, and what kept it from going well.

        One that did not go well teaches nothing of what a look costs.
        """
        self._last = _tally.get() or self._last
        self.problem = problem
        if not problem and self._began is not None:
            self.well = self._began[0]
            self._learn(self._last.seconds)
        self._began = None

    def _learn(self, measured: float) -> None:
        """Adapt the pace; say so when it is another one by far."""
        if not self.rhythm.load:
            self._cost = measured
            return
        self._cost = cost_after(self._cost, self._before, measured, self.rhythm)
        self._before = measured
        now = self.interval
        if is_notable(self._told, now):
            self._told = now
            log.say("source.pace", source=self.name, pace=in_words(self.rhythm, self._cost))

    @property
    def state(self) -> LookState | None:
        """Return how it is going, None before the first look."""
        if self.first is None:
            return None
        stretched = self.interval > self.rhythm.every
        return LookState(
            name=self.name,
            every=self.rhythm.every,
            interval=self.interval,
            pace=in_words(self.rhythm, self._cost) if stretched else "",
            first=self.first,
            out=self.clock.steady() - self._began[1] if self._began else 0.0,
            well=self.well,
            problem=self.problem,
            requests=self._last.requests,
            seconds=self._last.seconds,
            cost=self._cost,
        )


@dataclass(kw_only=True)
class Courses:
    """Looks: the course of every look of this process."""

    clock: Clock
    _all: dict[str, Course] = field(default_factory=dict, init=False)

    def of(self, name: str, rhythm: Rhythm) -> Course:
        """Return a new look's course."""
        self._all[name] = Course(name=name, rhythm=rhythm, clock=self.clock)
        return self._all[name]

    def states(self) -> Mapping[str, LookState]:
        """Return the state of every look that has begun, by name."""
        found = {name: course.state for name, course in self._all.items()}
        return {name: state for name, state in found.items() if state is not None}
