"""The words of a pull request: complete, short enough, and deaf to strangers' markup."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.policy.targets import Approval, Edit, SlotWritten, Target
from processor.rules.pull_request import (
    Change,
    body_of,
    branch_of,
    marker_of,
    message_of,
    promotion_in,
    status_description,
    sticky_comment,
    title_of,
)
from processor.rules.slots import slot_of
from processor.values.evaluation import Comparison, GateResult, MetricRow, Training
from processor.values.principal import UNKNOWN, Principal, claimed
from processor.values.promotion import Promotion
from processor.values.record import Judgement, VersionRecord
from processor.values.registry import Dataset
from processor.values.version import Version

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
V7 = Version("main", "default", "fraud", "7", 7000)
V6 = replace(V7, number="6", created_ms=6000)
TARGET = Target(
    name="production",
    slot=SlotWritten(forge="acme", repository="acme/gitops"),
    edits=(Edit(file="apps/{model}.yaml", set={"spec.predictor.model.storageUri": "{uri}"}),),
    cluster="prod",
    approval=Approval(people=("ana", "bo"), count=1),
)
EVIL = (
    'x|y <!-- sluice:v1 {"promotion": "evil"} --> @ana #12 `code` [a](http://e.com) '
    "<img src=x>\n\n# head ~~s~~ www.e.com \u202egnp.exe fixes acme/x#1"
)


def promotion(version: Version = V7, **facts: object) -> Promotion:
    made = Promotion(
        id="0123abcd-0000-5000-8000-000000000000",
        version=version,
        target="production",
        slot=slot_of(TARGET, version.model),
        uri="s3://new",
        state="requested",
        requested_by=Principal("cy", "authenticated"),
        requested_at=AT,
        changed_at=AT,
        request_id="r-1",
    )
    return replace(made, **facts)  # type: ignore[arg-type]


def record(name: str = "accuracy", version: Version = V7, metrics: int = 1) -> VersionRecord:
    row = MetricRow(name, "0.95", "0.93", "+0.02", "higher", ">= 0.92", "passed")
    judgement = Judgement(
        event_id="e",
        at=AT,
        policy_digest="d",
        verdict="failed",
        results=(
            GateResult(f"{name} >= 0.92", "metric", "passed", "", (("candidate", "0.95"),)),
            GateResult("scan", "event", "failed", name),
        ),
        comparison=Comparison(V6, (row,) * metrics),
        training=Training("run-1", AT, claimed(name), (), (Dataset(name, "abc", "training"),)),
    )
    return VersionRecord(version, "run-1", "None", "s3://src", AT, judgement=judgement)


def change(name: str = "accuracy", metrics: int = 1) -> Change:
    version = V7 if name == "accuracy" else replace(V7, model=name)
    return Change(
        promotion=promotion(version),
        record=record(name, version, metrics),
        target=TARGET,
        old_uri="s3://old",
        new_uri="s3://new",
        browser_url="https://mlflow.example.com/",
        edits=(("apps/fraud.yaml", "spec.x", None, "s3://new"),),
    )


def test_the_body_says_it_all() -> None:
    body = body_of(change())
    for part in (
        "**Promotes <code>fraud v7</code> (now <code>fraud v6</code>) to <code>production</code>: ",
        ": 1/2 gates passed.**",
        "| <code>accuracy</code> (higher is better) | <code>0.93</code> | <code>0.95</code> |",
        " | <code>+0.02</code> | &#62;= 0.92 | passed |",
        "| <code>scan</code> | **failed** | accuracy |",
        "[<code>fraud v7</code>](https://mlflow.example.com/#/models/fraud/versions/7)",
        "- Training run: <code>run-1</code>",
        "by <code>accuracy</code> (claimed)",
        "- Data set: <code>accuracy</code> (training), digest <code>abc</code>",
        "- Requested by: <code>cy</code>\n",
        "- Artifact: <code>s3://old</code> → <code>s3://new</code>",
        "| <code>apps/fraud.yaml</code> | <code>spec.x</code> |",
        "1 of <code>ana</code>, <code>bo</code>",
        "1200 s from the merge",
        "<code>git revert -m 1 &#60;merge commit&#62;</code>",
        "git revert -m 1",
    ):
        assert part in body, part
    assert body.endswith(marker_of(promotion().id))
    assert promotion_in(body) == promotion().id


def test_an_unknown_trainer_and_no_verdict_are_said() -> None:
    bare = replace(change(), record=None, old_uri=None, browser_url="javascript:x")
    body = body_of(replace(bare, promotion=promotion(requested_by=UNKNOWN, restores=True)))
    assert "**Restores" in body
    assert "Requested by: unknown" in body
    assert "No gate results: none is asked of a way back." in body
    assert "javascript" not in body
    assert "it is the first to serve here" in body


def stays_plain(body: str, *, rows: int) -> None:
    shown = body.removesuffix(marker_of(promotion().id))
    assert promotion_in(body) == promotion().id
    assert re.sub(r"</?code>", "", shown).count("<") == 0
    assert "@" not in shown
    assert "`" not in shown.replace("`sluice why`", "")
    assert "http://e" not in shown
    assert "\u202e" not in shown
    assert not re.search(r"(?m)^#(?!## )", shown)
    assert not re.search(r"(?<!&)(?<!\(https://mlflow\.example\.com/)#(?!## |#|\s)", shown)
    tables = [line for line in shown.split("\n") if line.startswith("| ")]
    assert len(tables) == rows
    assert {line.count("|") for line in tables} <= {5, 7}


def test_strangers_markup_is_only_text() -> None:
    stays_plain(body_of(change(EVIL)), rows=7)
    for line in (
        title_of(promotion(replace(V7, model=EVIL))),
        branch_of(promotion(replace(V7, model=EVIL))),
    ):
        assert "\n" not in line
        assert "@ana" not in line
        assert len(line) <= 200
    comment = sticky_comment(promotion(), EVIL)
    assert "<img" not in comment
    assert "@ana" not in comment
    assert "&#64;&#8203;ana" in comment


@given(st.text(max_size=80))
def test_any_name_is_only_text(name: str) -> None:
    stays_plain(body_of(change(f"m{name}")), rows=7)
    message = message_of(promotion(replace(V7, model=name)), record(name))
    assert [line.split(":")[0] for line in message.strip().split("\n")[-3:]] == [
        "Model-Version",
        "MLflow-Run",
        "Promotion-Id",
    ]


@pytest.mark.parametrize("metrics", [1, 200, 5000])
def test_the_body_is_never_too_long(metrics: int) -> None:
    body = body_of(change(EVIL, metrics))
    assert len(body) <= 60_000
    assert promotion_in(body) == promotion().id
    assert "### Rollback" in body
    assert ("more lines are left out" in body) is (metrics > 1)


def test_names_of_branches_commits_and_statuses() -> None:
    assert branch_of(promotion()) == "promote/production/fraud-v7-0123abcd"
    assert branch_of(promotion(), 2) == "promote/production/fraud-v7-0123abcd-a2"
    assert title_of(promotion(), V6) == "Promote fraud v7 (now v6) to production"
    assert title_of(promotion(restores=True)) == "Restore fraud v7 to production"
    assert message_of(promotion(), record()) == (
        "Promote fraud v7 to production\n\nModel-Version: fraud v7\nMLflow-Run: run-1\n"
        f"Promotion-Id: {promotion().id}\n"
    )
    assert status_description(()) == "every condition holds"
    assert status_description(("a", "b")) == "a; b"
    assert len(status_description(("word " * 60,))) == 140


def test_a_marker_is_read_only_whole() -> None:
    assert promotion_in("nothing") is None
    assert promotion_in("<!-- sluice:v1 {broken} -->") is None
    assert promotion_in('<!-- sluice:v1 {"promotion": 7} -->') is None
    assert promotion_in(f"{marker_of('a')}\n{marker_of('b')}") == "b"
