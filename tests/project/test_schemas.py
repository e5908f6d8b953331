"""Schemas, examples and catalogue are complete, true, and up to date."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from processor.events import BY_TYPE, CATALOG
from processor.events.codec import decode_own, encode
from processor.testing.samples import SAMPLES
from schemas.generate import generated

SCHEMAS = Path(__file__).parents[2] / "schemas"


def load(kind: str, name: str) -> dict[str, Any]:
    """Read a generated document."""
    document: dict[str, Any] = json.loads((SCHEMAS / kind / f"{name}.json").read_text())
    return document


def test_there_is_one_sample_of_every_type_in_story_order() -> None:
    assert [type(event) for event in SAMPLES] == list(CATALOG)


@pytest.mark.parametrize("path", sorted(generated()), ids=lambda path: path.name)
def test_a_generated_file_is_up_to_date(path: Path) -> None:
    assert path.read_text() == generated()[path], "run `make schemas`"


def test_nothing_stale_is_left() -> None:
    assert set(SCHEMAS.glob("*/*.json")) == {p for p in generated() if p.suffix == ".json"}


@pytest.mark.parametrize("name", BY_TYPE)
def test_an_example_fits_its_schema_and_is_the_sample(name: str) -> None:
    schema, example = load("events", name), load("examples", name)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(
        example["data"]
    )
    event = decode_own(example)
    assert type(event) is BY_TYPE[name]
    assert encode(event, example["sequence"]) == example
    assert all(field.get("description") for field in schema["properties"].values())


@pytest.mark.parametrize("name", BY_TYPE)
def test_a_schema_refuses_data_that_lacks_or_mistypes_a_field(name: str) -> None:
    schema, data = load("events", name), load("examples", name)["data"]
    check = Draft202012Validator(schema)
    for field in schema["required"]:
        assert not check.is_valid({k: v for k, v in data.items() if k != field})
        assert not check.is_valid(data | {field: 7.5})
    assert check.is_valid(data | {"added_in_a_later_release": 1})


def test_the_catalogue_names_topic_key_and_files_of_every_type() -> None:
    types = YAML(typ="safe").load((SCHEMAS / "catalog.yaml").read_text())["types"]
    assert list(types) == list(BY_TYPE)
    for name, entry in types.items():
        assert entry["topic"] == f"<prefix>.{BY_TYPE[name].topic}.v1"
        assert entry["key"].endswith("/<target>") == BY_TYPE[name].keyed_by_target
        assert (SCHEMAS / entry["schema"]).exists()
        assert (SCHEMAS / entry["example"]).exists()
