"""How the products we depend on are doing, in memory.

Place in the flow: breakers, sources and worker report, `/readyz`, status and doctor read. A
product behind a breaker is down while that is open, and nobody else's word makes it so: one look
that fails while another succeeds would else make it flap. What a look holds against a product
that does answer stands until that look takes it back.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from processor import log
from processor.engine.breakers import Breaker
from processor.ports.clock import Clock
from processor.ports.dependencies import State


@dataclass(frozen=True, kw_only=True)
class KnownStates:
    """Dependencies, and their breakers. A change of state is logged once.

    `woken` is set when somebody is back, so that whoever waits for it goes on at once.
    """

    clock: Clock
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    _breakers: dict[str, Breaker] = field(default_factory=dict)
    _words: dict[str, dict[str, str]] = field(default_factory=dict)
    _states: dict[str, State] = field(default_factory=dict)
    _back: list[str] = field(default_factory=list)

    def breaker(self, name: str) -> Breaker:
        """Return the product's one breaker."""
        if name not in self._breakers:
            told = partial(self._judge, name)
            self._breakers[name] = Breaker(product=name, clock=self.clock, changed=told)
        return self._breakers[name]

    def to_probe(self, name: str) -> bool:
        """Tell whether a product did not answer last and may be asked now."""
        breaker = self._breakers.get(name)
        return breaker is not None and breaker.to_probe

    def report(self, name: str, problem: str = "", *, by: str = "") -> None:
        """Take somebody's word for how a product is; a breaker's trouble needs no second one."""
        words, breaker = self._words.setdefault(name, {}), self._breakers.get(name)
        if not problem:
            words.pop(by, None)
            words.pop("", None)
        elif breaker is None or (by and not breaker.problem):
            words[by] = problem
        self._judge(name)

    def recovered(self) -> Sequence[str]:
        """Return who is back (or was met for the first time, and answers), once."""
        back = tuple(self._back)
        self._back.clear()
        return back

    def states(self) -> Mapping[str, State]:
        """Return a copy."""
        return dict(self._states)

    def _judge(self, name: str) -> None:
        """Put together what is known of a product; keep the moment a state began."""
        breaker, known = self._breakers.get(name), self._states.get(name)
        problem = breaker.state if breaker else ""
        problem = problem or next(iter(self._words.get(name, {}).values()), "")
        if not problem and breaker is not None and breaker.problem:
            return  # in doubt: neither up nor down
        if known is not None and bool(known.problem) == bool(problem):
            self._states[name] = State(problem, known.since)
            return
        since = breaker.since if breaker and breaker.open and breaker.since else self.clock.now()
        self._states[name] = State(problem, since)
        if problem:
            log.warn("dependency.down", dependency=name, reason=problem)
            return
        self._back.append(name)
        self.woken.set()
        if known is not None:
            log.say("dependency.back", dependency=name)
