"""How the products we depend on are doing, in memory.

Place in the flow: sources and worker report, `/readyz`, status and doctor read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from processor import log
from processor.ports.clock import Clock
from processor.ports.dependencies import State


@dataclass(frozen=True, kw_only=True)
class KnownStates:
    """Dependencies. A change of state is logged once."""

    clock: Clock
    _states: dict[str, State] = field(default_factory=dict)
    _back: list[str] = field(default_factory=list)

    def report(self, name: str, problem: str = "") -> None:
        """Keep the moment a state began."""
        known = self._states.get(name)
        if known is None or bool(known.problem) != bool(problem):
            self._states[name] = State(problem, self.clock.now())
            if problem:
                log.warn("dependency.down", dependency=name, reason=problem)
            elif known is not None:
                self._back.append(name)
                log.say("dependency.back", dependency=name)
        elif known.problem != problem:
            self._states[name] = State(problem, known.since)

    def recovered(self) -> Sequence[str]:
        """Return who is back, once."""
        back = tuple(self._back)
        self._back.clear()
        return back

    def states(self) -> Mapping[str, State]:
        """Return a copy."""
        return dict(self._states)
