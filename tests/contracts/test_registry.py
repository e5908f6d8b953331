"""What every registry must do, in memory and for real."""

import base64
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from processor.adapters.http import Http
from processor.adapters.registries.artifacts import loadable
from processor.adapters.registries.mlflow import MlflowRegistry
from processor.adapters.registries.packed import unchecked
from processor.errors import Terminal, Unavailable
from processor.values.registry import EFFECT_TAG, Dataset, ModelSeen, VersionSeen
from processor.values.version import Version
from tests.contracts.registries import PARAMS, WS, Pipeline
from tests.parts.mlflow import MlflowServer

CASES = 88  # on each part; a case that quietly disappears is noticed here
WEIRD = [
    "Übung größer",
    "模型 v2",
    "<script>alert(1)<script>",
    "it's",
    'say "hi"',
    "both ' and \"",
    "doubled '' and \"\"",
    "ends in a backslash\\",
    "back\\'slash..",
    "100% sure?&#=+",
    "_any_%one%*",
    "[a-z]^",
    "a\nb\tc",
    "back`tick; drop",
    "--comment",
    "  spaces  ",
    ".hidden",
    "${HOME} {{x}}",
    "e\u0301 is not é",
    "🚀" * 20,
    "x" * 250,
    "ü" * 250,
    "'" * 250,
]


async def _versions(pipeline: Pipeline, model: str, since_ms: int = 0) -> list[str]:
    rows = await pipeline.registry.versions(WS, since_ms)
    return sorted(row.version.number for row in rows if row.version.model == model)


async def _scan(pipeline: Pipeline) -> list[VersionSeen]:
    rows: list[VersionSeen] = []
    page = await pipeline.registry.page(WS, "")
    rows += page.rows
    while page.after:
        page = await pipeline.registry.page(WS, page.after)
        rows += page.rows
    return rows


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
    assert row in await pipeline.registry.versions(WS, 0)
    assert row in await _scan(pipeline)
    assert list(await pipeline.registry.versions_of(WS, model)) == [row]
    assert row.version.created_ms == row.updated_ms > 0


@pytest.mark.parametrize("name", WEIRD)
async def test_any_name_the_registry_takes_can_be_read_and_marked(
    pipeline: Pipeline, name: str
) -> None:
    name = f"{uuid.uuid4().hex[:6]}{name}"[:250]
    pipeline.register(f"{name[:-1]}z", pipeline.run({}, ()))  # what a wildcard might find, too
    run_id = pipeline.run_with_model()
    number = await pipeline.registry.create_version(WS, name, run_id, "model", "e'f\"f")
    await pipeline.registry.set_stage(WS, name, number, "Staging")
    await pipeline.registry.set_alias(WS, name, "champion", number)
    pipeline.put_tag(name, number, "promote", "now")
    row = await pipeline.registry.version(WS, name, number)
    assert row is not None
    assert (row.version.model, row.stage) == (name, "Staging")
    assert list(await pipeline.registry.versions_of(WS, name)) == [row]
    assert row in await pipeline.registry.versions(WS, row.updated_ms)
    assert row in await pipeline.registry.tagged(WS, "promote", 10)
    assert row in await _scan(pipeline)
    seen = await pipeline.registry.model(WS, name)
    assert seen is not None
    assert (seen.name, seen.aliases) == (name, {"champion": number})
    assert seen in await pipeline.registry.models(WS)
    assert await pipeline.registry.created_by(WS, name, run_id, "e'f\"f") == number
    await pipeline.registry.remove_tag(WS, name, number, "promote")
    await pipeline.registry.remove_alias(WS, name, "champion")
    assert (await _row(pipeline, name, number)).tags == {EFFECT_TAG: "e'f\"f"}
    assert await _aliases(pipeline, name) == {}


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


async def test_a_version_of_a_run_that_somebody_else_made_is_told_from_ours(
    pipeline: Pipeline, model: str
) -> None:
    run_id, other = pipeline.run_with_model(), "f" * 32
    elsewhere = pipeline.registry.made_elsewhere
    assert await elsewhere(WS, model, run_id) is None
    await pipeline.registry.create_version(WS, model, run_id, "model", "register:1")
    assert await elsewhere(WS, model, run_id) is None
    pipeline.register(model, run_id)
    assert await elsewhere(WS, model, run_id) == "2"
    assert await elsewhere(WS, model, other) is None
    assert await elsewhere(WS, f"{model}x", run_id) is None


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


async def _row(pipeline: Pipeline, model: str, number: str) -> VersionSeen:
    row = await pipeline.registry.version(WS, model, number)
    assert row is not None
    return row


async def _model(pipeline: Pipeline, model: str) -> ModelSeen:
    found = await pipeline.registry.model(WS, model)
    assert found is not None
    return found


@dataclass(frozen=True)
class Act:
    """One of the sixteen things people do, and whose time moves with it (as measured)."""

    name: str
    do: Callable[[Pipeline, str], None]
    moves: str = "none"


def _create_version(pipeline: Pipeline, model: str) -> None:
    pipeline.register(model, pipeline.run({}, ()))


# Each begins with versions 1 and 2, tag `old` on 1 and on the model, alias `champion` -> 1.
ACTS = [
    Act("create a version", _create_version, moves="model"),
    Act("stage", lambda on, m: on.put_stage(m, "1", "Staging"), moves="both"),
    Act("stage, to where it is", lambda on, m: on.put_stage(m, "1", "None"), moves="both"),
    Act("describe a version", lambda on, m: on.describe_version(m, "1", "news"), moves="version"),
    Act("describe a model", lambda on, m: on.describe_model(m, "news"), moves="model"),
    Act("set a tag", lambda on, m: on.put_tag(m, "1", "new", "x")),
    Act("overwrite a tag", lambda on, m: on.put_tag(m, "1", "old", "x")),
    Act("delete a tag", lambda on, m: on.drop_tag(m, "1", "old")),
    Act("set an alias", lambda on, m: on.put_alias(m, "second", "1")),
    Act("move an alias", lambda on, m: on.put_alias(m, "champion", "2")),
    Act("delete an alias", lambda on, m: on.put_alias(m, "champion", "")),
    Act("set a model's tag", lambda on, m: on.put_model_tag(m, "new", "x")),
    Act("overwrite a model's tag", lambda on, m: on.put_model_tag(m, "old", "x")),
    Act("delete a model's tag", lambda on, m: on.drop_model_tag(m, "old")),
    Act("delete a version", lambda on, m: on.delete_version(m, "2"), moves="model"),
]


def _begun(pipeline: Pipeline, model: str) -> None:
    for _ in range(2):
        pipeline.register(model, pipeline.run({}, ()))
    pipeline.put_tag(model, "1", "old", "")
    pipeline.put_model_tag(model, "old", "")
    pipeline.put_alias(model, "champion", "1")


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.name)
async def test_an_act_moves_the_times_it_moves_and_no_other(
    pipeline: Pipeline, model: str, act: Act
) -> None:
    _begun(pipeline, model)
    first, shelf = await _row(pipeline, model, "1"), await _model(pipeline, model)
    time.sleep(0.01)
    act.do(pipeline, model)
    then, shelf_then = await _row(pipeline, model, "1"), await _model(pipeline, model)
    moved = (then.updated_ms > first.updated_ms, shelf_then.updated_ms > shelf.updated_ms)
    assert moved == (act.moves in {"version", "both"}, act.moves in {"model", "both"})
    assert (then.version, shelf_then.created_ms) == (first.version, shelf.created_ms)


async def test_a_renamed_model_takes_its_versions_and_their_time_of_birth_along(
    pipeline: Pipeline, model: str
) -> None:
    _begun(pipeline, model)
    before, shelf = await _row(pipeline, model, "1"), await _model(pipeline, model)
    time.sleep(0.01)
    pipeline.rename_model(model, f"{model}-new")
    after, shelf_after = (
        await _row(pipeline, f"{model}-new", "1"),
        await _model(pipeline, f"{model}-new"),
    )
    assert after.version == replace(before.version, model=f"{model}-new")
    assert after.updated_ms > before.updated_ms
    assert shelf_after.updated_ms > shelf.updated_ms
    assert replace(shelf_after, updated_ms=0) == replace(shelf, updated_ms=0, name=f"{model}-new")
    assert await pipeline.registry.model(WS, model) is None
    assert await pipeline.registry.version(WS, model, "1") is None
    assert await pipeline.registry.versions_of(WS, model) in ([], ())


async def test_archiving_what_was_there_moves_it_at_the_same_moment(
    pipeline: Pipeline, model: str
) -> None:
    _begun(pipeline, model)
    pipeline.put_stage(model, "1", "Production")
    time.sleep(0.01)
    pipeline.put_stage(model, "2", "Production", archive_existing=True)
    first, second = await _row(pipeline, model, "1"), await _row(pipeline, model, "2")
    assert (first.stage, second.stage) == ("Archived", "Production")
    assert first.updated_ms == second.updated_ms


async def test_descriptions_and_tags_are_read_wherever_a_row_is(
    pipeline: Pipeline, model: str
) -> None:
    _begun(pipeline, model)
    pipeline.describe_version(model, "1", "with 'quotes'")
    pipeline.describe_model(model, "für alle")
    pipeline.put_tag(model, "1", "team/a.b", "line\nline")
    pipeline.put_model_tag(model, "owner", "ana")
    row, seen = await _row(pipeline, model, "1"), await _model(pipeline, model)
    assert (row.description, row.tags) == ("with 'quotes'", {"old": "", "team/a.b": "line\nline"})
    assert (seen.description, seen.tags) == ("für alle", {"old": "", "owner": "ana"})
    assert seen.aliases == {"champion": "1"}
    assert row in await pipeline.registry.versions(WS, row.updated_ms)
    assert row in await pipeline.registry.versions_of(WS, model)
    assert row in await pipeline.registry.tagged(WS, "team/a.b", 10)
    assert row in await _scan(pipeline)
    assert seen in await pipeline.registry.models(WS)
    assert seen in await pipeline.registry.recent_models(WS, 5)


async def test_changes_come_newest_first(pipeline: Pipeline, model: str) -> None:
    _begun(pipeline, model)
    time.sleep(0.01)
    pipeline.put_stage(model, "1", "Staging")
    rows = await pipeline.registry.versions(WS, 0)
    assert [row.updated_ms for row in rows] == sorted((r.updated_ms for r in rows), reverse=True)
    assert rows[0] == await _row(pipeline, model, "1")


async def test_a_model_without_versions_is_there(pipeline: Pipeline, model: str) -> None:
    pipeline.create_model(model)
    seen = await _model(pipeline, model)
    assert (seen.aliases, seen.tags, seen.description) == ({}, {}, "")
    assert seen.created_ms == seen.updated_ms > 0
    assert seen in await pipeline.registry.models(WS)
    assert await pipeline.registry.versions_of(WS, model) in ([], ())


async def test_the_models_that_changed_last_come_first(pipeline: Pipeline, model: str) -> None:
    for name in (model, f"{model}-b", f"{model}-c"):
        pipeline.create_model(name)
        time.sleep(0.01)
    pipeline.describe_model(model, "changed")
    rows = await pipeline.registry.recent_models(WS, 2)
    assert [row.name for row in rows] == [model, f"{model}-c"]


KEYS = [
    "promote",
    "sluice.promote",
    "a b",
    "a/b",
    "a:b",
    "a-b",
    "ü",
    "Promote",
    "-",
    "select",
    "1",
    "x" * 250,
]


@pytest.mark.parametrize("key", KEYS)
async def test_versions_with_a_tag_are_found_by_its_key(
    pipeline: Pipeline, model: str, key: str
) -> None:
    _begun(pipeline, model)
    pipeline.register(model, pipeline.run({}, ()))
    for number, value in (("1", ""), ("3", "it's")):
        pipeline.put_tag(model, number, key, value)
    pipeline.put_tag(model, "2", f"{key}."[-250:], "another key")
    found = await pipeline.registry.tagged(WS, key, 1000)
    mine = [(one.version.number, one.tags[key]) for one in found if one.version.model == model]
    assert mine == [("3", "it's"), ("1", "")]
    assert [one.version for one in await pipeline.registry.tagged(WS, key, 1)] == [found[0].version]


NO_KEYS = ["nobody-has-this", "a`b", "it's", 'say "x"', "", "100%"]


@pytest.mark.parametrize("key", NO_KEYS)
async def test_a_tag_no_version_has_finds_none(pipeline: Pipeline, key: str) -> None:
    assert list(await pipeline.registry.tagged(WS, key, 10)) == []


async def test_a_tag_is_removed_and_an_absent_one_is_fine(pipeline: Pipeline, model: str) -> None:
    _begun(pipeline, model)
    before = await _row(pipeline, model, "1")
    for number, name in (("1", model), ("1", model), ("99", model), ("1", f"{model}-none")):
        await pipeline.registry.remove_tag(WS, name, number, "old")
    after = await _row(pipeline, model, "1")
    assert after == replace(before, tags={})


async def test_a_model_of_no_name_there_does_not_exist(pipeline: Pipeline, model: str) -> None:
    assert await pipeline.registry.model(WS, model) is None
    assert await pipeline.registry.versions_of(WS, model) in ([], ())


async def test_a_model_made_again_is_another_model(pipeline: Pipeline, model: str) -> None:
    pipeline.create_model(model)
    before = await _model(pipeline, model)
    pipeline.delete_model(model)
    assert await pipeline.registry.model(WS, model) is None
    time.sleep(0.01)
    pipeline.create_model(model)
    assert (await _model(pipeline, model)).created_ms > before.created_ms


def test_the_suite_has_every_case_it_is_meant_to_have() -> None:
    tests = [
        test
        for name, test in vars(sys.modules[__name__]).items()
        if name.startswith("test_") and "pipeline" in test.__annotations__
    ]
    many = {
        test_any_name_the_registry_takes_can_be_read_and_marked: len(WEIRD),
        test_an_act_moves_the_times_it_moves_and_no_other: len(ACTS),
        test_versions_with_a_tag_are_found_by_its_key: len(KEYS),
        test_a_tag_no_version_has_finds_none: len(NO_KEYS),
    }
    assert sum(many.get(test, 1) for test in tests) == CASES


REFUSED = [
    ("a/b", "cannot contain '/' or ':'"),
    ("a:b", "cannot contain '/' or ':'"),
    ("..", "would resolve to"),
    ("...", "would resolve to"),
    ("  ", "Missing value for required parameter 'name'"),
]


@pytest.mark.real
@pytest.mark.parametrize(("name", "words"), REFUSED)
async def test_mlflow_a_name_it_refuses_is_refused_in_its_own_words(
    mlflow: MlflowRegistry, model_run: str, name: str, words: str
) -> None:
    with pytest.raises(Terminal) as caught:
        await mlflow.create_version(WS, name, model_run, "model", "register:1")
    assert words in str(caught.value)


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


def _run_with(server: MlflowServer, *files: str) -> tuple[str, str]:
    """Make a run with these files among its artifacts; return its id and its root."""
    info = server.call("POST", "runs/create", {"experiment_id": "0"})["run"]["info"]
    root = server.artifacts / info["artifact_uri"].removeprefix("mlflow-artifacts:/")
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("flavors: {}\n")
    return info["run_id"], info["artifact_uri"]


@pytest.mark.real
@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["model/MLmodel"], ""),
        (["model/weights.bin", "model/sub/MLmodel"], "there is only sub, weights.bin at mlflow-"),
        (["other/MLmodel"], "there is nothing at mlflow-artifacts:"),
    ],
)
async def test_mlflow_a_version_without_a_model_is_refused_in_plain_words(
    mlflow: MlflowRegistry, mlflow_server: MlflowServer, model: str, files: list[str], words: str
) -> None:
    run_id, root = _run_with(mlflow_server, *files)
    mlflow_server.call("POST", "registered-models/create", {"name": model})
    body = {"name": model, "source": f"{root}/model", "run_id": run_id}
    mlflow_server.call("POST", "model-versions/create", body)
    row = await mlflow.version(WS, model, "1")
    assert row is not None
    if not words:
        assert (await mlflow.location(row.version)).endswith("/artifacts/model")
        return
    with pytest.raises(Terminal) as caught:
        await mlflow.location(row.version)
    assert words in str(caught.value)
    assert "no file MLmodel; register the folder that log_model made" in str(caught.value)


@pytest.mark.real
async def test_mlflow_a_logged_model_that_lost_its_files_is_refused(
    mlflow: MlflowRegistry, mlflow_server: MlflowServer, model: str
) -> None:
    run_id = mlflow_server.log_model()
    number = await mlflow.create_version(WS, model, run_id, "model", "register:1")
    row = await mlflow.version(WS, model, number)
    assert row is not None
    assert row.source.startswith("models:/m-")
    place = Path((await mlflow.location(row.version)).removeprefix("file://"))
    (place / "MLmodel").unlink()
    with pytest.raises(Terminal, match="no file MLmodel"):
        await mlflow.location(row.version)


@pytest.mark.real
async def test_mlflow_what_it_cannot_see_is_let_pass_and_said_to_be_unchecked(
    mlflow: MlflowRegistry, mlflow_server: MlflowServer, model: str
) -> None:
    mlflow_server.call("POST", "registered-models/create", {"name": model})
    body = {"name": model, "source": f"s3://models/{model}"}
    mlflow_server.call("POST", "model-versions/create", body)
    row = await mlflow.version(WS, model, "1")
    assert row is not None
    assert await mlflow.location(row.version) == f"s3://models/{model}"
    words = await unchecked(mlflow.rest, row, row.source)
    assert words == f"MLflow keeps only the address s3://models/{model}, not what is there"


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
