"""Registry, forge and receiver each down for an hour in the middle of 100 promotions.

Nobody types anything: pipelines go on, targets approve by themselves, and whatever had to wait
goes on by itself when the product answers again. The control lets outages spend a row's budget.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from processor.errors import Retryable, Unavailable
from tests.report import Row, tell, timed
from tests.simulation.judging import Verdict, judge
from tests.simulation.loop import virtually
from tests.simulation.operators import Operators
from tests.simulation.people import People, Run
from tests.simulation.plan import Plan
from tests.simulation.program import Simulation, simulated
from tests.simulation.watching import Lanes

HOUR = 3600.0
PRODUCTS = ("registry", "forge local", "log")
MODELS = tuple(f"auto-{number}" for number in range(100))
_POLL = "poll: {{changes: 15s, models: 2m, reconcile: 15m, proposals: 30s, rollouts: 60s}}"

Outages = tuple[tuple[float, tuple[str, ...]], ...]
TOGETHER: Outages = ((2000.0, PRODUCTS),)
ONE_BY_ONE: Outages = tuple((1800.0 + 5400.0 * place, (one,)) for place, one in enumerate(PRODUCTS))
# The last run ends shortly before the last outage does, so that what comes after is catching up.


@dataclass
class Told:
    """What came of it; `through_after` is how long after the last outage the last one was over."""

    verdict: Verdict
    promotions: Counter[str]
    dead: int
    waited: int
    through_after: float
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Blaming:
    """The control: an outage is held against the row that met it."""

    wire: Any

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.wire, name)

        async def blamed(*args: object) -> Any:
            try:
                return await method(*args)
            except Unavailable as outage:
                raise Retryable(str(outage)) from outage

        return blamed


def _plan() -> Plan:
    plan = Plan(seed=1, models=MODELS)
    old = next(line for line in plan.settings.splitlines() if line.startswith("poll:"))
    return replace(plan, settings=plan.settings.replace(old, _POLL))


async def _story(
    folder: Path, outages: Outages, every: float, part: Callable[[str, Any], Any]
) -> Told:
    lanes = Lanes()
    async with simulated(folder, _plan(), part=part, over=lanes.over) as sim:
        people, operators = People(sim), Operators(sim)
        sim.world.start(_weather(sim, outages))
        for number in range(100):
            run = Run(
                name=f"run-{number}",
                model=MODELS[number],
                registration="please",
                good=True,
                user="tara",
            )
            people.runs[run.name] = run
            sim.world.train(run.name)
            await sim.emit(run.model, run.name)
            await asyncio.sleep(every)
        waited = len(sim.select("SELECT 1 FROM work WHERE attempts > 1"))
        over = outages[-1][0] + HOUR
        last = await _rest(sim, over)
        await sim.end()
        verdict = await judge(sim, people, operators, lanes)
        states = sim.select("SELECT state, count(*) FROM view_promotion GROUP BY state")
        dead = sim.select("SELECT count(*) FROM work WHERE state = 'dead'")[0][0]
        return Told(verdict, Counter(dict(states)), dead, waited, last - over)


async def _weather(sim: Simulation, outages: Outages) -> None:
    """Let each outage begin at its moment and last an hour."""
    began = asyncio.get_running_loop().time()
    for at, products in outages:
        await asyncio.sleep(began + at - asyncio.get_running_loop().time())
        for product in products:
            sim.weather.down(product)
        await asyncio.sleep(HOUR)
        for product in products:
            sim.weather.up(product)


async def _rest(sim: Simulation, over: float) -> float:
    """Wait until nothing happens any more after a moment; return when the last thing happened."""
    loop = asyncio.get_running_loop()
    events, last = -1, over
    while loop.time() - last < 1000 or (sim.unfinished() and loop.time() - last < 2 * HOUR):
        now = sim.select("SELECT count(*) FROM event")[0][0]
        if now != events:
            events, last = now, max(loop.time(), over)
        await asyncio.sleep(10)
    return last


def _drill(folder: Path, name: str, outages: Outages, every: float) -> None:
    for side in ("ours", "control"):
        (folder / side).mkdir()
    with timed() as took:
        ours = virtually(_story(folder / "ours", outages, every, lambda _, wire: wire))
        control = virtually(_story(folder / "control", outages, every, lambda _, w: Blaming(w)))
    tell(
        Row(
            drill=f"An hour without registry, forge and receiver, {name}",
            size=f"100 promotions; {ours.waited} rows had been tried again when it ended",
            ours=f"{ours.dead} dead rows, {ours.verdict.lost} lost, {ours.verdict.doubled} doubled;"
            f" promotions {dict(ours.promotions)}; the last was through "
            f"{ours.through_after:.0f} virtual seconds after the last outage",
            control="outages blamed on rows: "
            f"{control.dead} dead rows, {control.verdict.lost} lost",
            minutes=took[0],
        )
    )
    assert not ours.verdict.problems, "\n".join(ours.verdict.problems)
    assert ours.dead == 0
    assert ours.waited > 0
    assert ours.promotions == {"serving": 100}
    assert control.dead > 0


def test_all_three_down_together_for_an_hour(tmp_path: Path) -> None:
    _drill(tmp_path, "together", TOGETHER, 55.0)


@pytest.mark.soak
def test_one_after_the_other_down_for_an_hour(tmp_path: Path) -> None:
    _drill(tmp_path, "one after the other", ONE_BY_ONE, 160.0)
