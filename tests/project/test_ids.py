"""Ids never change: a golden file pins those of thirty facts and the promotions that follow.

An id that moves would make a known fact news again after an upgrade. Never write this file anew;
a new fact gets a new row.
"""

import json
from pathlib import Path
from typing import TypedDict

import pytest

from processor.events import BY_TYPE
from processor.values.about import About
from processor.values.promotion import promotion_id_of
from processor.values.version import Version

GOLDEN = Path(__file__).with_name("golden_ids.json")


class Row(TypedDict):
    """One fact and what must follow from it."""

    type: str
    registry: str
    workspace: str | None
    model: str | None
    number: str | None
    created_ms: int | None
    target: str | None
    discriminator: str
    id: str
    source: str
    subject: str
    key: str
    promotion_id: str


def rows() -> list[Row]:
    """Return the golden rows."""
    pinned: list[Row] = json.loads(GOLDEN.read_text())
    return pinned


def about_of(row: Row) -> About:
    """Return what a row's fact is about."""
    version = None
    if row["number"] is not None:
        assert row["workspace"]
        assert row["model"]
        assert row["created_ms"]
        version = Version(
            row["registry"], row["workspace"], row["model"], row["number"], row["created_ms"]
        )
    return About(row["registry"], row["workspace"], row["model"], version, row["target"])


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row['type']}-{row['id'][:8]}")
def test_a_fact_keeps_its_id(row: Row) -> None:
    head = BY_TYPE[row["type"]].heading(about_of(row), row["discriminator"])
    assert (head.id, head.source) == (row["id"], row["source"])
    assert (head.subject, head.key) == (row["subject"], row["key"])
    assert promotion_id_of(head.id) == row["promotion_id"]


def test_thirty_different_facts_are_pinned() -> None:
    ids = [row["id"] for row in rows()]
    assert len(set(ids)) == len(ids) >= 30


def test_keys_cannot_be_confused_by_slashes_in_names() -> None:
    split = About("main", "a", "b/c").key
    joined = About("main", "a/b", "c").key
    assert split != joined
    assert split.count("/") == joined.count("/") == 2
