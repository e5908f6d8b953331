"""How plain JSON is read and how much the looks may cost: what is wrong is named, with its line."""

from pathlib import Path

import pytest

from processor.app.site import training_map
from processor.settings.load import load
from processor.settings.secrets import secret_files
from processor.values.json_path import JsonPath
from tests.settings.test_load import change, complaints, here

__all__ = ["here"]

GOOD = "training: {map: {run_id: $.run.id, model: '$.models[0].name', registration: please}}\n"


def write(here: Path, text: str) -> None:
    change(here / "sluice.yaml", "policies: [", f"{text}policies: [")


def test_a_map_is_read(here: Path) -> None:
    assert training_map(load(here / "sluice.yaml").settings.training) is None
    write(here, GOOD)
    found = training_map(load(here / "sluice.yaml").settings.training)
    assert found is not None
    assert found.source == "/training"
    assert found.fields["model"] == JsonPath("$.models[0].name", ("models", 0, "name"))
    assert found.fields["registration"] == "please"
    assert "id" not in found.fields


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "training:\n  map:\n    run_id: $.run.id\n    modl: $.model\n",
            [
                "sluice.yaml:14: training.map.model: required key is missing",
                'sluice.yaml:16: training.map.modl: unknown key; did you mean "model"?',
            ],
        ),
        (
            "training:\n  map:\n    run_id: $.run..id\n    model: $\n",
            [
                (
                    "sluice.yaml:15: training.map.run_id: '$.run..id': '..id' is no step; there "
                    'are .name, [0] and ["a name"]'
                ),
                (
                    "sluice.yaml:16: training.map.model: '$' is the whole message; name a field in "
                    "it, like $.run.id"
                ),
            ],
        ),
        (
            "training: {map: {run_id: run-1, model: fraud, id: '7'}}\n",
            [
                (
                    "sluice.yaml:13: training.map.run_id: 'run-1' would be the same in every "
                    "message; write $.and.so.on"
                ),
                (
                    "sluice.yaml:13: training.map.id: '7' would be the same in every message; "
                    "write $.and.so.on"
                ),
            ],
        ),
        (
            "training: {map: {run_id: $.r, model: $.m, registration: maybe}}\n",
            [
                (
                    "sluice.yaml:13: training.map.registration: 'maybe' is not please, done or a "
                    "place like $.registration"
                )
            ],
        ),
        (
            "training: {source: /sluice/main}\n",
            ["sluice.yaml:13: training.source: '/sluice/main' is kept for Sluice's own events"],
        ),
        (
            "poll: {max_load: 2}\n",
            ["sluice.yaml:13: poll.max_load: 2 is not a share: write it like 2% or 0.5%"],
        ),
        (
            "poll: {max_load: 0%}\n",
            ["sluice.yaml:13: poll.max_load: '0%' is not between 0% and 100%"],
        ),
        (
            "poll: {max_load: 101%}\n",
            ["sluice.yaml:13: poll.max_load: '101%' is not between 0% and 100%"],
        ),
    ],
)
def test_what_is_wrong_names_its_line_and_the_fix(here: Path, text: str, said: list[str]) -> None:
    write(here, text)
    assert sorted(complaints(here)) == sorted(said)


@pytest.mark.parametrize(("written", "load_"), [("2%", 0.02), ("0.5%", 0.005), ("100%", 1.0)])
def test_a_share_is_read(here: Path, written: str, load_: float) -> None:
    write(here, f"poll: {{max_load: {written}}}\n")
    assert load(here / "sluice.yaml").settings.poll.load == pytest.approx(load_)


def test_the_hooks_secret_is_a_secret(here: Path) -> None:
    change(here / "sluice.yaml", "  token_file", "  hook_secret_file: hook.secret\n  token_file")
    loaded = load(here / "sluice.yaml")
    assert loaded.settings.registry.hook_secret_file == here / "hook.secret"
    assert here / "hook.secret" in set(secret_files(loaded.settings))
