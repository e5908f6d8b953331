"""What every registry must do, in memory and for real."""

import base64
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from processor.adapters.http import Http
from processor.adapters.registries.artifacts import loadable
from processor.adapters.registries.mlflow import MlflowRegistry
from processor.errors import Terminal, Unavailable
from processor.ports.reading.registry import RegistryReader
from processor.ports.writing.registry import RegistryWriter
from processor.testing.clock import JumpingClock
from processor.testing.registry import MemoryRegistry
from processor.values.registry import Dataset
from processor.values.version import Version
from tests.parts.mlflow import MlflowServer

WS = "default"
CASES = 32  # on each part; a case that quietly disappears is noticed here
WEIRD = [
    "Übung größer",
    "模型 v2",
    "<script>alert(1)</script>".replace("/", ""),
    "it's",
    'say "hi"',
    "both ' and \"",
    "back\\slash..",
    "100% sure?&#=+",
    "a\nb",
    "back`tick; drop",
]


class Registry(RegistryReader, RegistryWriter, Protocol):
    """Both halves."""


class Pipeline(Protocol):
    """What acts on the registry beside us."""

    registry: Registry

    def run(
        self, metrics: Mapping[str, str], datasets: tuple[Dataset, ...], *, finished: bool = True
    ) -> str: ...
    def run_with_model(self) -> str: ...
    def register(self, model: str, run_id: str) -> str: ...
    def put_stage(self, model: str, number: str, stage: str) -> None: ...
    def delete_version(self, model: str, number: str) -> None: ...
    def delete_model(self, model: str) -> None: ...


PARAMS = {"depth": "3", "learning rate": "0.10"}


class MemoryPipeline:
    def __init__(self) -> None:
        self.memory = MemoryRegistry(registry_id="main", clock=JumpingClock())
        self.registry: Registry = self.memory

    def run(
        self, metrics: Mapping[str, str], datasets: tuple[Dataset, ...], *, finished: bool = True
    ) -> str:
        run_id = uuid.uuid4().hex
        if finished:
            self.memory.finish_run(
                WS,
                run_id,
                metrics=dict(metrics),
                datasets=datasets,
                params=dict(PARAMS),
                tags={"data.cutoff": "2026-01-01"},
            )
        else:
            self.memory.start_run(WS, run_id)
        return run_id

    def run_with_model(self) -> str:
        return self.run({}, ())

    def register(self, model: str, run_id: str) -> str:
        return self.memory.register(WS, model, run_id).version.number

    def put_stage(self, model: str, number: str, stage: str) -> None:
        self.memory.put_stage(WS, model, number, stage)

    def delete_version(self, model: str, number: str) -> None:
        self.memory.delete_version(WS, model, number)

    def delete_model(self, model: str) -> None:
        self.memory.delete_model(WS, model)


@dataclass
class RealPipeline:
    server: MlflowServer
    model_run: str
    registry: Registry

    def run(
        self, metrics: Mapping[str, str], datasets: tuple[Dataset, ...], *, finished: bool = True
    ) -> str:
        made = self.server.call(
            "POST",
            "runs/create",
            {
                "experiment_id": "0",
                "tags": [
                    {"key": "mlflow.user", "value": "ana"},
                    {"key": "data.cutoff", "value": "2026-01-01"},
                ],
            },
        )
        run_id: str = made["run"]["info"]["run_id"]
        for name, value in PARAMS.items():
            self.server.call(
                "POST", "runs/log-parameter", {"run_id": run_id, "key": name, "value": value}
            )
        now = round(time.time() * 1000)
        for name, value in metrics.items():
            number = value if value == "NaN" else float(value)
            body = {"run_id": run_id, "key": name, "value": number, "timestamp": now, "step": 0}
            self.server.call("POST", "runs/log-metric", body)
        inputs = [
            {
                "dataset": {
                    "name": one.name,
                    "digest": one.digest,
                    "source_type": "s3",
                    "source": "{}",
                },
                "tags": [{"key": "mlflow.data.context", "value": one.context}]
                if one.context
                else [],
            }
            for one in datasets
        ]
        if inputs:
            self.server.call("POST", "runs/log-inputs", {"run_id": run_id, "datasets": inputs})
        if finished:
            body = {"run_id": run_id, "status": "FINISHED", "end_time": now}
            self.server.call("POST", "runs/update", body)
        return run_id

    def run_with_model(self) -> str:
        return self.model_run

    def register(self, model: str, run_id: str) -> str:
        try:
            self.server.call("POST", "registered-models/create", {"name": model})
        except AssertionError as error:
            if "RESOURCE_ALREADY_EXISTS" not in str(error):
                raise
        body = {"name": model, "source": f"s3://models/{run_id}/model", "run_id": run_id}
        made = self.server.call("POST", "model-versions/create", body)
        return str(made["model_version"]["version"])

    def put_stage(self, model: str, number: str, stage: str) -> None:
        body = {"name": model, "version": number, "stage": stage}
        self.server.call("POST", "model-versions/transition-stage", body)

    def delete_version(self, model: str, number: str) -> None:
        body = {"name": model, "version": number}
        self.server.call("DELETE", "model-versions/delete", body)

    def delete_model(self, model: str) -> None:
        self.server.call("DELETE", "registered-models/delete", {"name": model})


@pytest.fixture(scope="session")
def model_run(mlflow_server: MlflowServer) -> str:
    return mlflow_server.log_model()


@pytest.fixture
async def mlflow(mlflow_server: MlflowServer) -> AsyncIterator[MlflowRegistry]:
    async with Http(product="registry", base_url=mlflow_server.url) as http:
        roots = {"mlflow-artifacts:/": f"file://{mlflow_server.artifacts}/"}
        yield MlflowRegistry(registry_id="main", http=http, artifact_roots=roots)


@pytest.fixture(params=["memory", pytest.param("real", marks=pytest.mark.real)])
def pipeline(request: pytest.FixtureRequest) -> Iterator[Pipeline]:
    if request.param == "memory":
        yield MemoryPipeline()
    else:
        server = request.getfixturevalue("mlflow_server")
        registry = request.getfixturevalue("mlflow")
        yield RealPipeline(server, request.getfixturevalue("model_run"), registry)


@pytest.fixture
def model() -> str:
    return f"fraud-{uuid.uuid4().hex[:8]}"


async def _versions(pipeline: Pipeline, model: str, since_ms: int | None = None) -> list[str]:
    rows = await pipeline.registry.versions(WS, since_ms)
    return sorted(row.version.number for row in rows if row.version.model == model)


async def _aliases(pipeline: Pipeline, model: str) -> Mapping[str, str]:
    return next(one.aliases for one in await pipeline.registry.models(WS) if one.name == model)


async def test_a_registered_version_is_listed_with_its_run_and_source(
    pipeline: Pipeline, model: str
) -> None:
    run_id = pipeline.run({}, ())
    number = pipeline.register(model, run_id)
    row = await pipeline.registry.version(WS, model, number)
    assert row is not None
    assert (row.run_id, row.stage, row.source) == (
        run_id,
        "None",
        f"s3://models/{run_id}/model",
    )
    assert row in await pipeline.registry.versions(WS, None)
    assert row.version.created_ms == row.updated_ms > 0


@pytest.mark.parametrize("name", WEIRD)
async def test_any_name_the_registry_takes_can_be_read_and_marked(
    pipeline: Pipeline, name: str
) -> None:
    name = f"{name}{uuid.uuid4().hex[:6]}"
    run_id = pipeline.run_with_model()
    number = await pipeline.registry.create_version(WS, name, run_id, "model", "e'f\"f")
    await pipeline.registry.set_stage(WS, name, number, "Staging")
    await pipeline.registry.set_alias(WS, name, "champion", number)
    row = await pipeline.registry.version(WS, name, number)
    assert row is not None
    assert (row.version.model, row.stage) == (name, "Staging")
    assert await _versions(pipeline, name) == [number]
    assert await _aliases(pipeline, name) == {"champion": number}
    assert await pipeline.registry.created_by(WS, name, run_id, "e'f\"f") == number


async def test_only_what_changed_since_is_returned(pipeline: Pipeline, model: str) -> None:
    first = pipeline.register(model, pipeline.run({}, ()))
    time.sleep(0.01)
    second = pipeline.register(model, pipeline.run({}, ()))
    row = await pipeline.registry.version(WS, model, second)
    assert row is not None
    assert await _versions(pipeline, model, row.updated_ms) == [second]
    assert await _versions(pipeline, model, row.updated_ms + 60_000) == []
    assert await _versions(pipeline, model) == [first, second]


async def test_a_stage_moves_and_the_update_time_with_it(pipeline: Pipeline, model: str) -> None:
    number = pipeline.register(model, pipeline.run({}, ()))
    before = await pipeline.registry.version(WS, model, number)
    time.sleep(0.01)
    await pipeline.registry.set_stage(WS, model, number, "Production")
    after = await pipeline.registry.version(WS, model, number)
    assert before is not None
    assert after is not None
    assert (after.stage, after.version) == ("Production", before.version)
    assert after.updated_ms > before.updated_ms


async def test_moving_one_version_leaves_its_siblings_alone(pipeline: Pipeline, model: str) -> None:
    first = pipeline.register(model, pipeline.run({}, ()))
    second = pipeline.register(model, pipeline.run({}, ()))
    await pipeline.registry.set_stage(WS, model, first, "Production")
    await pipeline.registry.set_stage(WS, model, second, "Production")
    row = await pipeline.registry.version(WS, model, first)
    assert row is not None
    assert row.stage == "Production"


async def test_a_stage_set_twice_is_fine(pipeline: Pipeline, model: str) -> None:
    number = pipeline.register(model, pipeline.run({}, ()))
    for _ in range(2):
        await pipeline.registry.set_stage(WS, model, number, "Archived")
    row = await pipeline.registry.version(WS, model, number)
    assert row is not None
    assert row.stage == "Archived"


async def test_a_stage_nobody_knows_is_refused_for_good(pipeline: Pipeline, model: str) -> None:
    number = pipeline.register(model, pipeline.run({}, ()))
    with pytest.raises(Terminal, match="stage"):
        await pipeline.registry.set_stage(WS, model, number, "Shining")


async def test_marking_a_version_that_is_gone_is_refused_for_good(
    pipeline: Pipeline, model: str
) -> None:
    pipeline.register(model, pipeline.run({}, ()))
    with pytest.raises(Terminal):
        await pipeline.registry.set_stage(WS, model, "99", "Staging")


async def test_an_alias_is_set_moved_and_removed(pipeline: Pipeline, model: str) -> None:
    first = pipeline.register(model, pipeline.run({}, ()))
    second = pipeline.register(model, pipeline.run({}, ()))
    await pipeline.registry.set_alias(WS, model, "champion", first)
    assert await _aliases(pipeline, model) == {"champion": first}
    await pipeline.registry.set_alias(WS, model, "champion", second)
    await pipeline.registry.set_alias(WS, model, "Champion", first)
    assert await _aliases(pipeline, model) == {"champion": second, "Champion": first}
    await pipeline.registry.remove_alias(WS, model, "champion")
    assert await _aliases(pipeline, model) == {"Champion": first}


async def test_removing_an_alias_that_is_not_there_is_fine(pipeline: Pipeline, model: str) -> None:
    pipeline.register(model, pipeline.run({}, ()))
    await pipeline.registry.remove_alias(WS, model, "champion")
    await pipeline.registry.remove_alias(WS, f"{model}-none", "champion")
    assert await _aliases(pipeline, model) == {}


async def test_a_deleted_version_is_gone_and_takes_its_aliases(
    pipeline: Pipeline, model: str
) -> None:
    number = pipeline.register(model, pipeline.run({}, ()))
    await pipeline.registry.set_alias(WS, model, "champion", number)
    pipeline.delete_version(model, number)
    assert await pipeline.registry.version(WS, model, number) is None
    assert await _versions(pipeline, model) == []
    assert await _aliases(pipeline, model) == {}


async def test_a_model_made_again_gives_the_number_to_another_version(
    pipeline: Pipeline, model: str
) -> None:
    number = pipeline.register(model, pipeline.run({}, ()))
    before = await pipeline.registry.version(WS, model, number)
    pipeline.delete_model(model)
    time.sleep(0.01)
    assert pipeline.register(model, pipeline.run({}, ())) == number
    after = await pipeline.registry.version(WS, model, number)
    assert before is not None
    assert after is not None
    assert after.version != before.version


async def test_a_version_of_no_model_does_not_exist(pipeline: Pipeline, model: str) -> None:
    assert await pipeline.registry.version(WS, model, "1") is None


async def test_metrics_stay_the_text_they_are_and_nan_stays_nan(pipeline: Pipeline) -> None:
    metrics = {"acc": "0.30000000000000004", "loss": "NaN", "n": "12.0"}
    run = await pipeline.registry.run(WS, pipeline.run(metrics, ()))
    assert run is not None
    assert run.metrics == metrics
    assert run.params == PARAMS
    assert (run.tags["data.cutoff"], run.tags["mlflow.user"]) == ("2026-01-01", "ana")


async def test_a_finished_run_says_who_when_and_on_what_data(pipeline: Pipeline) -> None:
    datasets = (Dataset("train", "d1", "training"), Dataset("extra", "d2", ""))
    run = await pipeline.registry.run(WS, pipeline.run({}, datasets))
    assert run is not None
    assert (run.status, run.user, run.deleted) == ("FINISHED", "ana", False)
    assert run.ended is not None
    assert run.ended.tzinfo is not None
    assert set(run.datasets) == set(datasets)


async def test_a_run_under_way_has_no_end(pipeline: Pipeline) -> None:
    run = await pipeline.registry.run(WS, pipeline.run({}, (), finished=False))
    assert run is not None
    assert (run.status, run.ended) == ("RUNNING", None)


async def test_a_run_nobody_made_does_not_exist(pipeline: Pipeline) -> None:
    assert await pipeline.registry.run(WS, "f" * 32) is None


async def test_a_version_we_make_is_found_by_its_effect(pipeline: Pipeline, model: str) -> None:
    run_id = pipeline.run_with_model()
    pipeline.register(model, run_id)
    number = await pipeline.registry.create_version(WS, model, run_id, "model", "register:1")
    assert number == "2"
    assert await pipeline.registry.created_by(WS, model, run_id, "register:1") == "2"
    assert await pipeline.registry.created_by(WS, model, run_id, "register:2") is None
    assert await pipeline.registry.created_by(WS, f"{model}x", run_id, "register:1") is None


async def test_registering_a_path_the_run_has_no_model_at_is_refused_for_good(
    pipeline: Pipeline, model: str
) -> None:
    run_id = pipeline.run_with_model()
    with pytest.raises(Terminal, match="has no model at 'nothing'"):
        await pipeline.registry.create_version(WS, model, run_id, "nothing", "register:1")


async def test_a_version_from_plain_storage_is_loaded_from_there(
    pipeline: Pipeline, model: str
) -> None:
    run_id = pipeline.run({}, ())
    number = pipeline.register(model, run_id)
    row = await pipeline.registry.version(WS, model, number)
    assert row is not None
    assert await pipeline.registry.location(row.version) == f"s3://models/{run_id}/model"


async def test_a_version_that_is_gone_has_no_location(pipeline: Pipeline, model: str) -> None:
    with pytest.raises(Terminal, match="not in the registry any more"):
        await pipeline.registry.location(Version("main", WS, model, "1", 1))


async def test_two_models_may_have_the_same_numbers(pipeline: Pipeline, model: str) -> None:
    pipeline.register(model, pipeline.run({}, ()))
    pipeline.register(f"{model}-b", pipeline.run({}, ()))
    assert await _versions(pipeline, model) == await _versions(pipeline, f"{model}-b") == ["1"]


async def test_a_foreign_stage_is_seen(pipeline: Pipeline, model: str) -> None:
    number = pipeline.register(model, pipeline.run({}, ()))
    pipeline.put_stage(model, number, "Staging")
    row = await pipeline.registry.version(WS, model, number)
    assert row is not None
    assert row.stage == "Staging"


def test_the_suite_has_every_case_it_is_meant_to_have() -> None:
    tests = [
        test
        for name, test in vars(sys.modules[__name__]).items()
        if name.startswith("test_") and "pipeline" in test.__annotations__
    ]
    weird = test_any_name_the_registry_takes_can_be_read_and_marked
    assert len(tests) - (weird in tests) + len(WEIRD) == CASES


@pytest.mark.real
async def test_mlflow_a_version_we_make_lies_where_its_mlmodel_is(
    mlflow: MlflowRegistry, model_run: str, model: str
) -> None:
    number = await mlflow.create_version(WS, model, model_run, "model", "register:1")
    row = await mlflow.version(WS, model, number)
    assert row is not None
    assert row.run_id == model_run
    place = await mlflow.location(row.version)
    assert (Path(place.removeprefix("file://")) / "MLmodel").is_file()


@pytest.mark.real
async def test_mlflow_a_model_among_the_runs_artifacts_is_registered_too(
    mlflow: MlflowRegistry, mlflow_server: MlflowServer, model: str
) -> None:
    made = mlflow_server.call("POST", "runs/create", {"experiment_id": "0"})
    info = made["run"]["info"]
    folder = mlflow_server.artifacts / info["artifact_uri"].removeprefix("mlflow-artifacts:/")
    (folder / "old" / "model").mkdir(parents=True)
    (folder / "old" / "model" / "MLmodel").write_text("flavors: {}\n")
    number = await mlflow.create_version(WS, model, info["run_id"], "old/model", "register:1")
    place = await mlflow.location(Version("main", WS, model, number, 0))
    assert (Path(place.removeprefix("file://")) / "MLmodel").is_file()


@pytest.mark.real
async def test_mlflow_says_what_it_is(mlflow: MlflowRegistry, mlflow_server: MlflowServer) -> None:
    assert await mlflow.check() == f"MLflow {mlflow_server.version} at {mlflow_server.url}"


@pytest.mark.real
async def test_mlflow_without_a_root_for_its_artifacts_names_the_setting(
    mlflow_server: MlflowServer, model_run: str, model: str
) -> None:
    async with Http(product="registry", base_url=mlflow_server.url) as http:
        registry = MlflowRegistry(registry_id="main", http=http)
        number = await registry.create_version(WS, model, model_run, "model", "register:1")
        with pytest.raises(Terminal, match=r"'mlflow-artifacts:/'.*artifact_roots"):
            await registry.location(Version("main", WS, model, number, 0))


@pytest.mark.real
async def test_mlflow_pages_are_read_to_the_end(
    mlflow: MlflowRegistry, mlflow_server: MlflowServer, model: str
) -> None:
    mlflow_server.call("POST", "registered-models/create", {"name": model})
    for number in range(230):
        body = {"name": model, "source": f"s3://models/{number}"}
        mlflow_server.call("POST", "model-versions/create", body)
    first = await mlflow.version(WS, model, "1")
    assert first is not None
    rows = await mlflow.versions(WS, first.updated_ms)
    assert len([row for row in rows if row.version.model == model]) == 230


@pytest.mark.real
async def test_mlflow_that_does_not_know_its_host_name_is_explained(
    mlflow_server: MlflowServer,
) -> None:
    async with Http(
        product="registry",
        base_url=mlflow_server.url,
        auth=lambda: {"Host": "mlflow.prod"},
    ) as http:
        with pytest.raises(Unavailable, match="--allowed-hosts"):
            await MlflowRegistry(registry_id="main", http=http).models(WS)


@pytest.mark.real
async def test_mlflow_at_a_wrong_path_is_explained(mlflow_server: MlflowServer) -> None:
    async with Http(product="registry", base_url=f"{mlflow_server.url}/nowhere") as http:
        with pytest.raises(Unavailable, match="HTML"):
            await MlflowRegistry(registry_id="main", http=http).models(WS)


@pytest.mark.parametrize(
    ("uri", "rewritten"),
    [
        ("s3://elsewhere/1/model", "s3://elsewhere/1/model"),
        ("mlflow-artifacts:/1/models/m-1/artifacts", "s3://mlflow/1/models/m-1/artifacts"),
        ("mlflow-artifacts://mlflow:5000/1/model", "s3://mlflow/1/model"),
        ("mlflow-artifacts:/2/model", "gs://two/model"),
        ("mlflow-artifacts:/23/model", "s3://mlflow/23/model"),
        ("/mlruns/1/model", "pvc://mlruns/1/model"),
    ],
)
def test_the_longest_artifact_root_is_rewritten(uri: str, rewritten: str) -> None:
    roots = {
        "mlflow-artifacts:/": "s3://mlflow/",
        "mlflow-artifacts:/2": "gs://two",
        "/mlruns/": "pvc://mlruns",
    }
    assert loadable(uri, roots) == rewritten


@pytest.mark.parametrize(
    ("uri", "key"),
    [("dbfs:/a/model", "'dbfs:/'"), ("/mlruns/1/model", "/mlruns/"), ("s3://a/../b", "climbs")],
)
def test_an_artifact_kserve_cannot_load_is_refused_with_the_setting_to_add(
    uri: str, key: str
) -> None:
    with pytest.raises(Terminal) as caught:
        loadable(uri, {})
    assert key in str(caught.value)
    assert uri in str(caught.value)


async def test_mlflow_that_is_not_there_is_unavailable_and_no_secret_is_said() -> None:
    secret = base64.b64encode(b"ana:hunter2").decode()
    async with Http(
        product="registry",
        base_url="http://127.0.0.1:1",
        setting="registry.url",
        auth=lambda: {"Authorization": f"Basic {secret}"},
        pause=0.01,
    ) as http:
        with pytest.raises(Unavailable, match=r"nothing listens at .*registry\.url") as caught:
            await MlflowRegistry(registry_id="main", http=http).models(WS)
        assert secret not in f"{caught.value}{http!r}"
