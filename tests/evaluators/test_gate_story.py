"""Command gates from a registered version to its verdict, with real programs and a real ledger."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from processor import events as e
from processor.adapters.evaluators.child import View
from processor.adapters.evaluators.folders import Folders
from processor.adapters.evaluators.limits import Limits
from processor.adapters.evaluators.local import LocalEvaluator
from processor.app.gate_runner import SYSTEM
from processor.policy.policy import Policies
from processor.sources.gates import GatesSource
from processor.sources.ruled import Ruled
from tests.evaluators.hostile import alive
from tests.handlers.world import World
from tests.make import a_policy

pytestmark = pytest.mark.real
PAGE = Path(__file__).parents[2] / "docs/gates.md"
ACCURATE = {"metric": "accuracy", "better": "higher", "at_least": 0.9}


@asynccontextmanager
async def told(tmp: Path, *gates: dict[str, Any]) -> AsyncIterator[World]:
    """Open a world whose policy asks these gates, its file beside what the test put there."""
    folder = tmp / "policies"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    world = await World.open(tmp)
    policy = a_policy(gates=[ACCURATE, *gates])
    world.policies = Policies((policy,), {(policy.workspace, policy.models): str(folder)})
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    runner = LocalEvaluator(
        folders=Folders(tmp / "jobs"),
        bounds=Limits(),
        view=View(readable=(*SYSTEM, sys.prefix, sys.base_prefix), environment={"PATH": path}),
    )
    async with runner:
        world.evaluator = runner  # type: ignore[assignment]  # a real one this time
        yield world
    await world.ledger.close()


async def look(world: World) -> list[e.GateFinished]:
    """Let `sources/gates` look until a gate has answered."""
    source = GatesSource(
        views=world.ledger.views,
        policies=Ruled(world.policies),
        log=world.ledger.log,
        evaluator=world.evaluator,
    )
    seen = len(await world.ledger.log.of_type(e.GateFinished, "main/default/fraud"))
    async with asyncio.timeout(60):
        while True:
            await source.look_programs()
            found = await world.ledger.log.of_type(e.GateFinished, "main/default/fraud")
            if len(found) > seen:
                return [one.event for one in found[seen:]]  # type: ignore[misc]
            await asyncio.sleep(0.05)


async def begun(world: World, run: str = "run-1", **metrics: str) -> e.EvaluationStarted:
    """Let a version appear, and its gates be started."""
    _, event = await world.registered(run=run, **metrics)
    [started] = await world.react("evaluate", event)
    assert isinstance(started, e.EvaluationStarted)
    await world.react("start_gates", started)
    return started


@pytest.mark.parametrize(
    ("women", "verdict", "reason"),
    [
        ("0.93", e.EvaluationPassed, "recall differs by 0.020 between groups, 0.05 is allowed"),
        ("0.80", e.EvaluationFailed, "recall differs by 0.110 between groups, 0.05 is allowed"),
        ("none", e.EvaluationInconclusive, "could not convert string to float: 'none'"),
    ],
)
async def test_the_gate_of_the_documentation(
    tmp_path: Path, women: str, verdict: type[e.Judged], reason: str
) -> None:
    found = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/check_bias.py").write_text(found[1])
    bias = {"command": ["python", "check_bias.py"], "timeout": "5m", "name": "bias"}
    async with told(tmp_path, bias) as world:
        await begun(world, accuracy="0.95", recall_women=women, recall_men="0.91")
        [answer] = await look(world)
        said = await world.react("evaluate", answer)
        judged = said[0]
        assert isinstance(judged, verdict)
        result = judged.results[1]
        assert reason in result.reason
        assert ("runner", "local") in result.evidence
        print(f"{result.gate}: {result.verdict}: {result.reason} {dict(result.evidence)}")


async def test_a_program_that_runs_for_minutes_delays_only_its_own_version(
    tmp_path: Path,
) -> None:
    mark = f"slow-{uuid4()}"
    slow = {
        "command": ["/bin/sh", "-c", "cat > /tmp/in; sleep 60", mark],
        "timeout": "5m",
        "name": "slow",
    }
    quick = {"command": ["/bin/echo", '{"verdict": "passed"}'], "name": "quick"}
    async with told(tmp_path, slow) as world:
        await begun(world)
        while not alive(mark):
            await asyncio.sleep(0.05)
        policy = a_policy(gates=[ACCURATE, quick])
        world.policies = replace(world.policies, all=(policy,))
        await begun(world, run="run-2")
        [answer] = await look(world)
        passed, _ = await world.react("evaluate", answer)
        assert isinstance(passed, e.EvaluationPassed)
        assert passed.version.number == "2"
        print(f"judged v2 while {alive(mark)} processes of v1's gate ran")
        assert alive(mark) > 0
    assert alive(mark) == 0
