"""A pipeline says it has finished and registers its run whenever it likes: one version comes of it.

The controls do not look before they create, or do not wait for the run's end.
"""

import asyncio
import json
import random
import urllib.request
import uuid
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from processor.adapters.http import Http
from processor.adapters.registries.mlflow import MlflowRegistry
from processor.engine.clock import SystemClock
from processor.testing.registry import MemoryRegistry
from tests.drills.virtual import Bench
from tests.parts.mlflow import MlflowServer
from tests.races.training import Off, Race, Say, Wire
from tests.report import Row, tell, timed
from tests.simulation.loop import virtually

_MODELS = tuple(f"m{number}" for number in range(20))


@dataclass
class Ended:
    """What the registry shows in the end, and how the program did."""

    versions: Counter[tuple[str, str]]
    ours: int
    rows: Counter[str]
    said: int

    @property
    def twice(self) -> int:
        return sum(count > 1 for count in self.versions.values())

    @property
    def missing(self) -> int:
        return sum(not count for count in self.versions.values())


@dataclass
class InMemory:
    """Pipelines at a registry in memory."""

    registry: MemoryRegistry

    async def start_run(self) -> str:
        run = uuid.uuid4().hex
        self.registry.start_run("default", run)
        return run

    async def end_run(self, run: str) -> None:
        self.registry.finish_run("default", run)

    async def register(self, model: str, run: str) -> None:
        self.registry.register("default", model, run)


@dataclass
class OverRest:
    """Pipelines at a real MLflow."""

    server: MlflowServer

    async def start_run(self) -> str:
        return await asyncio.to_thread(self._start)

    async def end_run(self, run: str) -> None:
        body = {"run_id": run, "status": "FINISHED"}
        await asyncio.to_thread(self.server.call, "POST", "runs/update", body)

    async def register(self, model: str, run: str) -> None:
        await asyncio.to_thread(self._register, model, run)

    def _start(self) -> str:
        made = self.server.call("POST", "runs/create", {"experiment_id": "0"})
        run: str = made["run"]["info"]["run_id"]
        path = (
            f"{self.server.url}/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/model/MLmodel"
        )
        request = urllib.request.Request(path, method="PUT", data=b"flavors: {}\n")
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer.read()
        return run

    def _register(self, model: str, run: str) -> None:
        source = f"mlflow-artifacts:/0/{run}/artifacts/model"
        body = {"name": model, "source": source, "run_id": run}
        self.server.call("POST", "model-versions/create", body)


async def _races(folder: Path, seed: str, count: int, says: Say, *, off: Off = "") -> Ended:
    """Run so many races at once against one program in virtual time.

    Where a guard is off, `done` is heard as `please`: by itself it never creates anything.
    """
    folder.mkdir()
    dice = random.Random(f"{seed}-{says}")
    bench = Bench(folder, _MODELS)
    wire: Any = Wire(bench.registry, dice, slowest=0.5, off=off, loses=0.03)
    bench.wires["registry"] = wire
    await bench.start()
    pipelines = InMemory(bench.registry)

    async def one(number: int) -> tuple[str, str]:
        race = Race.drawn(random.Random(f"{seed}-{says}-{number}"), _MODELS[number % 20], says)
        race = replace(race, says="please") if off else race
        await asyncio.sleep(number / 2)
        return await race.run(pipelines, lambda: bench.program.site.log), race.model

    runs = await asyncio.gather(*(one(number) for number in range(count)))
    await asyncio.sleep(240)
    versions = Counter(dict.fromkeys(runs, 0))
    for (_, model), shelf in bench.registry._models.items():
        for row in shelf.versions.values():
            versions[row.run_id, model] += 1
    rows = await bench.rows()
    said = (await bench.select("SELECT count(*) FROM event WHERE type LIKE '%training%'"))[0][0]
    await bench.stop()
    made = [one for one in bench.registry.wrote if (one.by, one.field) == ("sluice", "version")]
    return Ended(versions, len(made), rows, said)


@pytest.mark.parametrize("says", ["please", "done"])
def test_one_version_comes_of_a_run_and_model(says: Say, tmp_path: Path) -> None:
    _shown(says, tmp_path, count=60)


@pytest.mark.soak
@pytest.mark.parametrize("says", ["please", "done"])
def test_one_version_comes_of_a_run_and_model_in_two_hundred_races(
    says: Say, tmp_path: Path
) -> None:
    _shown(says, tmp_path, count=200)


def _shown(says: Say, tmp_path: Path, count: int) -> None:
    few = 40
    with timed() as minutes:
        ours = virtually(_races(tmp_path / "ours", "1", count, says))
        blind = virtually(_races(tmp_path / "look", "1", few, says, off="look"))
        hasty = virtually(_races(tmp_path / "end", "1", few, says, off="end"))
    tell(
        Row(
            drill=f"training.completed ({says}) against a pipeline that registers when it likes",
            size=f"{count} races, {ours.said} events",
            ours=(
                f"{ours.twice} twice, {ours.missing} missing; {ours.ours} made by us, "
                f"{sum(ours.versions.values()) - ours.ours} by the pipelines"
            ),
            control=(
                f"{few} races: no look before creating: {blind.twice} twice; not waiting for the "
                f"run's end: {hasty.twice} twice"
                f"{'' if says == 'please' else ' (both heard as please)'}"
            ),
            minutes=minutes[0],
        )
    )
    assert (ours.twice, ours.missing, ours.rows["dead"]) == (0, 0, 0), f"seed 1-{says}"
    assert set(ours.versions.values()) == {1}
    assert len(ours.versions) == count
    assert blind.twice > few / 4
    assert hasty.twice > few / 20
    if says == "please":
        assert count / 4 < ours.ours < count * 3 / 4, "some are left to us, some are not"
    else:
        assert ours.ours == 0, "`done` never creates"


async def _real_races(server: MlflowServer, folder: Path, count: int, *, off: Off = "") -> Ended:
    """Run a few races in real time against the program over a real MLflow."""
    folder.mkdir()
    models = tuple(f"{model}-{uuid.uuid4().hex[:6]}" for model in ("m0", "m1"))
    for model in models:
        await asyncio.to_thread(server.call, "POST", "registered-models/create", {"name": model})
    dice = random.Random("real")
    clock: Any = SystemClock()
    bench = Bench(folder, models, clock=clock)
    async with Http(product="registry", base_url=server.url) as http:
        registry = MlflowRegistry(registry_id="main", http=http, artifact_roots={})
        wire: Any = Wire(registry, dice, slowest=0.05, off=off)
        bench.wires["registry"] = wire
        await bench.start()
        pipelines = OverRest(server)

        async def one(number: int) -> tuple[str, str]:
            says: Say = "please" if number % 3 else "done"
            seed = random.Random(f"real-{number}")
            race = Race.drawn(seed, models[number % 2], says, scale=0.1)
            return await race.run(pipelines, lambda: bench.program.site.log), race.model

        runs = await asyncio.gather(*(one(number) for number in range(count)))
        for _ in range(240):
            rows = await bench.rows()
            if not {"ready", "running", "waiting"} & set(+rows):
                break
            await asyncio.sleep(0.5)
        versions = Counter(dict.fromkeys(runs, 0))
        ours = 0
        for model in models:
            found = await asyncio.to_thread(
                server.call, "GET", "model-versions/search", None, filter=f"name='{model}'"
            )
            for row in json.loads(json.dumps(found)).get("model_versions", ()):
                versions[row["run_id"], model] += 1
                ours += any(tag["key"] == "sluice.effect" for tag in row.get("tags", ()))
        said = (await bench.select("SELECT count(*) FROM event WHERE type LIKE '%training%'"))[0][0]
        rows = await bench.rows()
        await bench.stop()
    return Ended(versions, ours, rows, said)


@pytest.mark.real
async def test_the_same_on_a_real_mlflow(mlflow_server: MlflowServer, tmp_path: Path) -> None:
    count = 12
    with timed() as minutes:
        ours = await _real_races(mlflow_server, tmp_path / "ours", count)
        off = await _real_races(mlflow_server, tmp_path / "off", count, off="look")
    tell(
        Row(
            drill=f"training.completed on MLflow {mlflow_server.version}",
            size=f"{count} races, {ours.said} events",
            ours=(
                f"{ours.twice} twice, {ours.missing} missing; {ours.ours} made by us, "
                f"{sum(ours.versions.values()) - ours.ours} by the pipelines"
            ),
            control=f"no look before creating: {off.twice} twice",
            minutes=minutes[0],
        )
    )
    assert (ours.twice, ours.missing, ours.rows["dead"]) == (0, 0, 0), ours.versions
    assert off.twice > 0
