"""One run of R2 from its seed: a stretch of rough time, then rest, then the verdict.

Place in the flow: `test_r2` runs many seeds and prints the sums; a failing one is run again alone
by its seed (`python -m tests.simulation.runs SEED`), and goes the same way.
"""

import asyncio
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processor.adapters.ledgers import Ledger
from tests.simulation.judging import Verdict, judge
from tests.simulation.loop import virtually
from tests.simulation.operators import Operators
from tests.simulation.people import People
from tests.simulation.plan import Plan
from tests.simulation.program import Simulation, simulated
from tests.simulation.watching import Lanes
from tests.simulation.wire import ROUGH, Faults

MODELS = ("fraud-1", "fraud-2", "churn-1", "auto-1", "scan-1", "chain-1", "slow-1")
_CALM = 90.0  # virtual seconds without anything to do: longer than every poll and quiet window
_PATIENCE = 45 * 60.0  # virtual seconds without an event until something counts as stuck
_UNSETTLED = """
SELECT (SELECT count(*) FROM view_promotion
         WHERE state IN ('requested', 'proposed', 'approved', 'rolling_out'))
     + (SELECT count(*) FROM view_deadline WHERE state = 'open'
         AND (data LIKE '%"gate window"%' OR data LIKE '%"soak"%'))
     + (SELECT count(*) FROM view_pause WHERE state = 'open')
     + (SELECT count(*) FROM view_hold WHERE state = 'open')
"""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much one seed does: `runs` trained, one about every `every` virtual seconds."""

    runs: int = 16
    every: float = 10.0
    mean_points: int = 48


@dataclass(frozen=True)
class Told:
    """What became of one seed; `digest` is of everything that was stored and asked."""

    seed: int
    size: Size
    verdict: Verdict
    digest: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Guards:
    """What a control takes away; see `test_r2_controls`."""

    faults: Faults = ROUGH
    part: Callable[[str, Any], Any] = lambda _, part: part
    over: Callable[[Ledger], Ledger] = lambda ledger: ledger
    settings: Callable[[Plan], Plan] = lambda plan: plan
    patience: float = _PATIENCE


def run(seed: int, size: Size = Size(), guards: Guards = Guards()) -> Told:
    """Run one seed in a folder of its own, in memory where the machine has such a place."""
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix=f"sluice-{seed}-", dir=shared))
    try:
        return virtually(_run(folder, seed, size, guards))
    finally:
        shutil.rmtree(folder)


async def _run(folder: Path, seed: int, size: Size, guards: Guards) -> Told:
    plan = guards.settings(
        Plan(seed=seed, faults=guards.faults, mean_points=size.mean_points, models=MODELS)
    )
    lanes = Lanes()
    async with simulated(
        folder, plan, part=guards.part, over=lambda ledger: lanes.over(guards.over(ledger))
    ) as sim:
        people, operators = _people(sim)
        await people.train(size.runs, size.every)
        await asyncio.sleep(60)
        with suppress(TimeoutError):  # what did not come to rest is the judge's to name
            await _come_to_rest(sim, people, operators, guards.patience)
        await sim.end()
        verdict = await judge(sim, people, operators, lanes)
        return Told(seed, size, verdict, _digest(sim), asyncio.get_running_loop().time())


def _people(sim: Simulation) -> tuple[People, Operators]:
    """Start everybody, and trouble everywhere."""
    rng = sim.plan.rng("lag")
    sim.world.troubled = 0.15
    sim.world.lag(lambda: rng.uniform(1, 20) if rng.random() < 0.2 else 0.0)
    sim.world.forge.refuse_duplicate = sim.plan.seed % 2 == 0
    people = People(sim)
    operators = Operators(sim)
    for coro in (
        people.decide(),
        people.meddle(40),
        people.storms(150),
        operators.meddle(90),
        sim.world.run_gates(),
    ):
        sim.world.start(coro)
    return people, operators


async def _come_to_rest(
    sim: Simulation, people: People, operators: Operators, patience: float
) -> None:
    """Let nothing bad happen any more and everybody decide, until there is nothing to do."""
    people.finishing = True
    sim.mean_points = 0
    await operators.put_right()
    sim.crash()
    sim.weather.clear()
    sim.world.troubled = 0
    loop = asyncio.get_running_loop()
    quiet_since = told_at = loop.time()
    events = 0
    while loop.time() - quiet_since < _CALM:
        if loop.time() - told_at > patience:
            raise TimeoutError
        await asyncio.sleep(5)
        await operators.let_go()
        now = int(sim.select("SELECT count(*) FROM event")[0][0])
        if now != events:
            events, told_at = now, loop.time()
        if not _rests(sim) or told_at == loop.time():
            quiet_since = loop.time()


def _rests(sim: Simulation) -> bool:
    """Tell whether nothing waits for anybody."""
    return sim.unfinished() == 0 and sim.select(_UNSETTLED)[0][0] == 0


def _digest(sim: Simulation) -> str:
    """Return one number for everything that happened: the chain covers every event."""
    last = sim.select("SELECT pos, hash FROM event ORDER BY pos DESC LIMIT 1")
    asked = sorted(sim.wires.sent.items())
    return hashlib.sha256(repr((last, asked, sim.deaths)).encode()).hexdigest()[:16]


def main(words: list[str]) -> int:
    """Run one seed by hand, and say everything about it: SEED [RUNS [EVERY]]."""
    seed, runs, every = int(words[0]), Size.runs, Size.every
    if len(words) > 1:
        runs = int(words[1])
    if len(words) > 2:
        every = float(words[2])
    told = run(seed, Size(runs=runs, every=every))
    print(f"seed {told.seed}: {told.digest}, {told.seconds:.0f} virtual seconds")
    for name, count in sorted(told.verdict.always.items()):
        print(f"  {count:6} {name}")
    for problem in told.verdict.problems:
        print(f"  PROBLEM {problem}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
