"""The wire between the program and everything outside: it loses, delays and repeats, by the seed.

Place in the flow: `program` hands the program wires instead of parts. A request is carried by a
task of the outside, not of the process: what was sent goes on when the process dies.

A late request is one that raised Unavailable at the sender and takes effect later, but within the
product's quiet window after it was sent. That is what operators promise in `quiet:`; a control
breaks it (`Faults.lateness` above 1).
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from processor.errors import SluiceError, Unavailable
from tests.simulation.life import Life

WRITES = frozenset(
    {
        "create_version",
        "set_stage",
        "set_alias",
        "remove_alias",
        "commit",
        "delete_branch",
        "open",
        "close",
        "merge",
        "set_status",
        "set_comment",
        "tell",
    }
)
_ONCE = {"create_version", "open", "tell"}  # a wire that repeats these: nobody could help it
_CLIENT_TIMEOUT = 30.0  # adapters/http gives up then


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Chances per request; `lateness` 1.0 is the whole quiet window."""

    lost: float = 0.0
    refused: float = 0.0
    done_but_refused: float = 0.0
    answer_lost: float = 0.0
    late: float = 0.0
    repeated: float = 0.0
    hanging: float = 0.0
    slowest: float = 0.5
    lateness: float = 0.95

    def of_reads(self) -> "Faults":
        """Return the chances of a request that changes nothing."""
        lost = self.lost + self.answer_lost + self.late
        refused = self.refused + self.done_but_refused
        some = {"lost": lost / 2, "refused": refused / 2}
        return replace(self, **some, answer_lost=0, late=0, done_but_refused=0, repeated=0)


CLEAN = Faults()
ROUGH = Faults(
    lost=0.03,
    refused=0.03,
    done_but_refused=0.03,
    answer_lost=0.04,
    late=0.08,
    repeated=0.03,
    hanging=0.01,
    slowest=2.0,
)


@dataclass
class Weather:
    """How the wire to each product is; `quiet` is how long a lost request may still land."""

    faults: Faults
    quiet: dict[str, float]
    _down: dict[str, str] = field(default_factory=dict)

    def down(self, product: str, reason: str = "no route to it") -> None:
        """Let nothing through to a product."""
        self._down[product] = reason

    def up(self, product: str) -> None:
        """Let everything through again."""
        self._down.pop(product, None)

    def clear(self) -> None:
        """Be clean from now on."""
        self.faults = CLEAN
        self._down.clear()

    def problem(self, product: str) -> str:
        """Return why nothing goes through, empty when it does."""
        return self._down.get(product, "")


@dataclass
class Wires:
    """The outside's half of every wire: carries requests, counts what became of them."""

    rng: Random
    weather: Weather
    start: Callable[[Coroutine[Any, Any, None]], object]
    sent: Counter[str] = field(default_factory=Counter)
    writes: list[tuple[float, str]] = field(default_factory=list)

    def noted(self, method: str) -> None:
        """Remember when each write left."""
        if method in WRITES:
            self.writes.append((asyncio.get_running_loop().time(), method))

    def to(self, product: str, part: Any, life: Life) -> Any:
        """Return a wire from a life to a part."""
        return Wire(self, product, part, life)

    async def carry(
        self, wire: "Wire", method: str, args: tuple[object, ...], answer: "asyncio.Future[Any]"
    ) -> None:
        """Carry one request there and its answer back, or not."""
        faults = self.weather.faults
        if method not in WRITES:
            faults = faults.of_reads()
        fate = self._fate(faults, method)
        self.sent[fate] += 1
        quick = self.rng.uniform(0.001, faults.slowest) * self.rng.random()
        window = self.weather.quiet.get(wire.product, 0.0)
        ahead = self.rng.uniform(0.0, faults.lateness) * window
        gave_up = self.rng.uniform(0.1, _CLIENT_TIMEOUT)
        await asyncio.sleep(quick)
        if problem := self.weather.problem(wire.product):
            _tell(answer, Unavailable(wire.product, problem))
            return
        await self._meet(wire, method, args, answer, fate, ahead - quick, gave_up)

    async def _meet(
        self,
        wire: "Wire",
        method: str,
        args: tuple[object, ...],
        answer: "asyncio.Future[Any]",
        fate: str,
        ahead: float,
        gave_up: float,
    ) -> None:
        """Let a request meet its fate; `ahead` is how late it is if it is late."""
        match fate:
            case "lost" | "hanging":
                await asyncio.sleep(_CLIENT_TIMEOUT if fate == "hanging" else gave_up)
                _tell(answer, Unavailable(wire.product, "no answer"))
            case "answer_lost":
                await self._perform(wire, method, args)
                await asyncio.sleep(gave_up)
                _tell(answer, Unavailable(wire.product, "the answer was lost"))
            case "late":
                _tell(answer, Unavailable(wire.product, "connection reset"))
                await asyncio.sleep(max(0.0, ahead))
                if not self.weather.problem(wire.product):
                    await self._perform(wire, method, args)
            case "refused":
                _tell(answer, Unavailable(wire.product, "answered 503"))
            case "done_but_refused":
                await self._perform(wire, method, args)
                _tell(answer, Unavailable(wire.product, "answered 502"))
            case _:
                if fate == "repeated":
                    await self._perform(wire, method, args)
                said = await self._perform(wire, method, args)
                await asyncio.sleep(gave_up / 100)
                _tell(answer, said)

    def _fate(self, faults: Faults, method: str) -> str:
        names = (
            "lost",
            "refused",
            "done_but_refused",
            "answer_lost",
            "late",
            "repeated",
            "hanging",
        )
        drawn = self.rng.random()
        for name in names:
            drawn -= float(getattr(faults, name))
            if drawn < 0:
                return "fine" if name == "repeated" and method in _ONCE else name
        return "fine"

    @staticmethod
    async def _perform(wire: "Wire", method: str, args: tuple[object, ...]) -> object:
        """Let it happen; what the product refuses is its answer."""
        try:
            return await getattr(wire.part, method)(*args)
        except SluiceError as refusal:
            return refusal


@dataclass(frozen=True)
class Wire:
    """The process's half: looks like the part, asks over the wire."""

    wires: Wires
    product: str
    part: Any
    life: Life

    def __getattr__(self, method: str) -> Callable[..., Awaitable[Any]]:
        if method.startswith("_"):
            raise AttributeError(method)

        async def call(*args: object) -> Any:
            return await self._call(method, args)

        return call

    async def _call(self, method: str, args: tuple[object, ...]) -> Any:
        kind = "write" if method in WRITES else "read"
        self.life.passes(f"before {method}", kind)
        self.wires.noted(method)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.wires.start(self.wires.carry(self, method, args, answer))
        self.life.passes(f"sent {method}", kind)
        result = await answer
        self.life.passes(f"after {method}", kind)
        if isinstance(result, Exception):
            raise result
        return result


def _tell(answer: "asyncio.Future[Any]", said: object) -> None:
    """Answer whoever still waits; an outage is a value here and raised at the caller."""
    if not answer.done():
        answer.set_result(said)
