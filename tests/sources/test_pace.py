"""Looks stay below their share of the product, say so once, and are quick again when it is."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from processor.engine.dependencies import KnownStates
from processor.errors import Unavailable
from processor.rules.pace import Rhythm
from processor.sources.findings import Findings
from processor.sources.pace import Courses, asked
from processor.sources.schedule import keep_looking
from tests.report import Row, tell, timed
from tests.simulation.loop import VirtualClock, virtually

_HOUR = 3600.0
_LOAD = 0.02
_EVERY = {"changes": 2.0, "models": 30.0, "reconcile": 900.0}
_SHARES = {"changes": 0.5, "models": 0.25, "reconcile": 0.25}
_PLAIN: Mapping[str, tuple[int, float]] = {
    "changes": (3, 0.080),
    "models": (1, 0.960),
    "reconcile": (50, 9.600),
}
"""Requests and seconds of a look at 50,000 versions of 1,000 models (facts, section 2)."""
_PASSWORD = 0.44  # seconds MLflow's basic auth takes for every request


@dataclass
class Product:
    """A registry whose answers take their time; it knows how long it was busy."""

    clock: VirtualClock
    costs: dict[str, tuple[int, float]]
    each: float = 0.0
    busy: float = 0.0
    down: bool = False
    looks: dict[str, list[float]] = field(default_factory=dict)

    async def look(self, name: str) -> Mapping[str, str]:
        self.looks.setdefault(name, []).append(self.clock.steady())
        requests, seconds = self.costs[name]
        for _ in range(requests):
            out = seconds / requests + self.each
            await self.clock.sleep(out)
            asked(out)
            self.busy += out
            if self.down:
                raise Unavailable("registry", "refused")
        return {"registry": ""}

    def gaps(self, name: str) -> list[float]:
        at = self.looks[name]
        return [after - before for before, after in itertools.pairwise(at)]


@asynccontextmanager
async def looking(
    product: Product,
    *names: str,
    load: float = _LOAD,
    wakes: Mapping[str, asyncio.Event] | None = None,
) -> AsyncIterator[Courses]:
    courses = Courses(clock=product.clock)
    findings = Findings(dependencies=KnownStates(clock=product.clock))
    tasks = [
        asyncio.create_task(
            keep_looking(
                lambda name=name: product.look(name),  # type: ignore[misc]
                course=courses.of(name, Rhythm(_EVERY[name], load * _SHARES[name], 90_000.0)),
                products=["registry"],
                clock=product.clock,
                findings=findings,
                wake=(wakes or {}).get(name, asyncio.Event()),
            )
        )
        for name in names
    ]
    try:
        yield courses
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def ages(cost: float) -> dict[str, tuple[int, float]]:
    """Return a registry whose looks cost a part of the largest one's."""
    return {name: (requests, seconds * cost) for name, (requests, seconds) in _PLAIN.items()}


async def _busy(costs: dict[str, tuple[int, float]], each: float, load: float) -> float:
    """Return the part of one core the looks of four hours keep busy."""
    product = Product(VirtualClock(), costs, each)
    async with looking(product, *_EVERY, load=load):
        await product.clock.sleep(3 * _HOUR)  # the first readings of everything find out
        product.busy = 0.0
        await product.clock.sleep(4 * _HOUR)
    return product.busy / (4 * _HOUR)


@pytest.mark.parametrize(
    ("what", "size", "each"),
    [
        ("1,000 versions", 0.02, 0.0),
        ("50,000 versions", 1.0, 0.0),
        ("50,000 versions, basic auth", 1.0, _PASSWORD),
    ],
)
def test_all_looks_together_stay_below_max_load(what: str, size: float, each: float) -> None:
    with timed() as minutes:
        paced = virtually(_busy(ages(size), each, _LOAD))
        unpaced = virtually(_busy(ages(size), each, 0.0))
    tell(
        Row(
            drill=f"pace: {what}, four hours",
            size="3 looks at 2 s, 30 s, 15 min",
            ours=f"{paced:.2%} of one core (2% allowed)",
            control=f"unpaced: {unpaced:.2%}",
            minutes=minutes[0],
        )
    )
    requests, seconds = ages(size)["reconcile"]
    at_the_edge = (seconds + requests * each) / (4 * _HOUR)  # one look more or less falls in it
    assert paced <= _LOAD + at_the_edge
    if size < 1:
        assert paced == unpaced, "nothing is stretched that need not be"
    else:
        assert unpaced > 3 * _LOAD


def test_a_dear_look_is_stretched_and_said_once_and_a_cheap_one_is_back_at_once() -> None:
    async def story() -> None:
        product = Product(VirtualClock(), {"changes": (1, 0.037)})
        with capture_logs() as logs:
            async with looking(product, "changes") as courses:
                await product.clock.sleep(_HOUR)
                state = courses.states()["changes"]
                assert state.pace == "every 3.7 s instead of 2 s: a look costs 37 ms"
                assert product.gaps("changes")[-1] == pytest.approx(3.7 + 0.037, rel=0.01)
                product.costs["changes"] = (1, 0.001)
                await product.clock.sleep(60)
                assert courses.states()["changes"].pace == ""
                assert product.gaps("changes")[-1] == pytest.approx(2.001, rel=0.01)
        told = [(one["source"], one["pace"]) for one in logs if one["event"] == "source.pace"]
        assert len(told) == 2, told
        assert told[0][1].startswith("every 3"), told
        assert "instead of 2 s: a look costs" in told[0][1]

    virtually(story())


def test_the_baseline_does_not_keep_the_next_look_waiting() -> None:
    async def story() -> Sequence[float]:
        product = Product(VirtualClock(), {"changes": (1, 30.0)})
        async with looking(product, "changes"):
            await product.clock.sleep(31)
            product.costs["changes"] = (1, 0.01)
            await product.clock.sleep(60)
        return product.gaps("changes")

    gaps = virtually(story())
    assert gaps[0] < 30 + 4.0
    assert gaps[-1] == pytest.approx(2.01, rel=0.05)


def test_a_hint_makes_a_paced_look_sooner_but_keeps_the_share() -> None:
    async def story() -> tuple[int, float]:
        wake = asyncio.Event()
        product = Product(VirtualClock(), {"models": (1, 0.010)})
        async with looking(product, "models", wakes={"models": wake}):
            await product.clock.sleep(300)
            quiet = len(product.looks["models"])
            for _ in range(3000):
                wake.set()
                await product.clock.sleep(0.1)
        return quiet, (product.busy / 600)

    quiet, load = virtually(story())
    assert quiet == 10
    assert load <= _LOAD * _SHARES["models"] * 1.05


def test_a_look_that_fails_keeps_the_schedule_and_teaches_nothing_of_its_cost() -> None:
    async def story() -> None:
        product = Product(VirtualClock(), {"changes": (1, 0.037)})
        async with looking(product, "changes") as courses:
            await product.clock.sleep(600)
            product.down = True
            product.costs["changes"] = (1, 0.0001)
            await product.clock.sleep(600)
            state = courses.states()["changes"]
            assert state.problem == "registry: refused"
            assert state.interval == pytest.approx(3.7, rel=0.01)
            assert product.gaps("changes")[-1] == pytest.approx(30, abs=0.1)
            assert state.well is not None
            assert state.well < product.clock.now()
            product.down = False
            product.costs["changes"] = (1, 0.037)
            await product.clock.sleep(60)
            state = courses.states()["changes"]
            assert (state.problem, state.requests) == ("", 1)
            assert product.gaps("changes")[-1] == pytest.approx(3.737, rel=0.01)

    virtually(story())
