"""The registry says what holds now: never about the deleted, never over a person's own word."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from processor.policy.policy import Policy
from processor.rules.marks import Known, demand
from processor.values.evaluation import Verdict
from processor.values.principal import SLUICE
from processor.values.promotion import Promotion, State
from processor.values.record import Authors, Judgement, ModelRecord, VersionRecord
from processor.values.serving import Serving
from processor.values.version import Version
from tests.make import SLOT, a_policy, a_version

T0 = datetime(2026, 1, 1, tzinfo=UTC)
V1, V2, V3 = (a_version(str(n), created_ms=1000 * n) for n in (1, 2, 3))
PRODUCTION: dict[str, Any] = {
    "name": "production",
    "slot": {"forge": "local", "repository": "acme/gitops"},
    "edits": [{"file": "p/{model}.yaml", "set": {"spec.uri": "{uri}"}}],
    "cluster": "local",
    "registry": {"on_merge": ["stage:Production"], "on_serving": ["alias:champion"]},
}
STAGING: dict[str, Any] = {
    **PRODUCTION,
    "name": "staging",
    "edits": [{"file": "s/{model}.yaml", "set": {"spec.uri": "{uri}"}}],
    "registry": {"on_merge": ["stage:Staging"], "on_serving": ["alias:rehearsed"]},
}
MERGED_STATES: tuple[State, ...] = ("approved", "rolling_out", "serving", "failed")


def record(version: Version, stage: str = "None", verdict: Verdict | None = None) -> VersionRecord:
    judgement = Judgement("e", T0, "d", verdict, ()) if verdict else None
    return VersionRecord(version, "run", stage, "s3://m", T0, judgement=judgement)


def promotion(
    version: Version, state: State, target: str = "production", *, hours: float = 0
) -> Promotion:
    """Return a promotion; its merge commit is there whenever its state says it was merged."""
    merged = state not in {"requested", "proposed", "rejected", "withdrawn"}
    at = T0 + timedelta(hours=hours or int(version.number))
    return Promotion(
        id=f"{version}-{target}",
        version=version,
        target=target,
        slot=SLOT,
        uri=f"s3://{version.number}",
        state=state,
        requested_by=SLUICE,
        requested_at=at,
        changed_at=at,
        request_id="r",
        merge_sha="c" * 40 if merged else None,
    )


def serving(
    version: Version | None, target: str = "production", *, approved: bool = True
) -> Serving:
    slot = replace(SLOT, file=f"{target}.yaml")
    return Serving(slot, V1.key, target, "s3://x", version, approved, None, T0, T0)


def wanted(
    policy: Policy,
    records: Sequence[VersionRecord],
    promotions: Sequence[Promotion] = (),
    servings: Sequence[Serving] = (),
    model: ModelRecord | None = None,
) -> dict[tuple[str, str], str]:
    found = demand(policy, Known(records, promotions, servings, model))
    told = {(mark.version.number, mark.mark): mark.value for mark in found}
    assert len(told) == len(found), "each mark is asked once"
    return told


def stages(
    policy: Policy,
    records: Sequence[VersionRecord],
    promotions: Sequence[Promotion] = (),
    servings: Sequence[Serving] = (),
) -> dict[str, str]:
    """Return the stages asked, by version number."""
    asked = wanted(policy, records, promotions, servings)
    return {number: value for (number, mark), value in asked.items() if mark == "stage"}


def test_a_version_that_passed_goes_to_staging_and_becomes_the_challenger() -> None:
    passed = [record(V1, verdict="passed"), record(V2, verdict="passed"), record(V3)]
    assert wanted(a_policy(), passed) == {
        ("1", "stage"): "Staging",
        ("2", "stage"): "Staging",
        ("2", "alias:challenger"): "2",
    }


@pytest.mark.parametrize("verdict", ["failed", "inconclusive", None])
def test_a_version_that_did_not_pass_is_left_alone(verdict: Verdict | None) -> None:
    assert wanted(a_policy(), [record(V1, verdict=verdict)]) == {}


def test_nothing_is_asked_that_the_registry_says_already() -> None:
    model = ModelRecord(V1.key, aliases={"challenger": "1"})
    assert wanted(a_policy(), [record(V1, "Staging", "passed")], model=model) == {}


@pytest.mark.parametrize("state", MERGED_STATES)
def test_an_approved_version_goes_to_production(state: State) -> None:
    rows = [promotion(V2, state)]
    assert stages(a_policy(), [record(V2, "Staging", "passed")], rows) == {"2": "Production"}


def test_a_bypassed_one_is_never_called_production() -> None:
    rows = [promotion(V2, "bypassed")]
    known = [record(V2, "Staging", "passed")]
    live = [serving(V2, approved=False)]
    assert "2" not in stages(a_policy(), known, rows, live), "it serves, and nobody said yes"
    assert ("2", "alias:champion") not in wanted(a_policy(), known, rows, live)


def test_the_old_version_is_archived_once_nothing_serves_or_awaits_it_and_not_before() -> None:
    old, new = record(V1, "Production", "passed"), record(V2, "Production", "passed")
    merged = [promotion(V1, "serving"), promotion(V2, "approved")]
    assert stages(a_policy(), [old, new], merged, [serving(V1)]) == {}, "v1 serves still"
    done = [promotion(V1, "superseded"), promotion(V2, "serving")]
    assert stages(a_policy(), [old, new], done, [serving(V2)]) == {"1": "Archived"}
    back = [*done, replace(promotion(V1, "proposed"), id="back", restores=True)]
    assert stages(a_policy(), [old, new], back, [serving(V2)]) == {"1": "Staging"}
    unapproved = [serving(V1, approved=False)]
    assert stages(a_policy(), [old, new], done, unapproved) == {}, "it serves, whoever wanted it"


def test_a_version_awaited_anywhere_is_not_archived_although_nothing_names_a_stage_for_it() -> None:
    policy = a_policy(targets=[STAGING, PRODUCTION])
    known = [record(V1, "Staging", "passed"), record(V2, "Staging", "passed")]
    rehearsed = [promotion(V1, "superseded", "staging"), promotion(V2, "serving", "staging")]
    live = [serving(V2, "staging")]
    assert stages(policy, known, rehearsed, live) == {"1": "Archived"}
    assert stages(policy, known, [*rehearsed, promotion(V1, "proposed")], live) == {}


def test_only_a_policy_that_marks_production_archives() -> None:
    quiet = {**PRODUCTION, "registry": {"on_serving": ["alias:champion"]}}
    done = [promotion(V1, "superseded"), promotion(V2, "serving")]
    known = [record(V1, "Production"), record(V2)]
    assert stages(a_policy(targets=[quiet]), known, done, [serving(V2)]) == {}


def test_never_promoted_versions_keep_the_stage_somebody_gave_them() -> None:
    done = [promotion(V2, "serving")]
    assert stages(a_policy(), [record(V1, "Production")], done, [serving(V2)]) == {}
    adopted = [serving(V1, approved=False)]
    assert stages(a_policy(), [record(V1, "None")], [], adopted) == {}


def test_what_came_last_is_told_by_the_request_not_by_a_late_word_about_the_old_rollout() -> None:
    late = replace(promotion(V1, "failed"), changed_at=T0 + timedelta(days=9))
    rows = [late, promotion(V2, "approved")]
    known = [record(V1, "Production"), record(V2, "Staging", "passed")]
    assert stages(a_policy(), known, rows, [serving(V1)]) == {"2": "Production"}
    same_moment = [replace(row, requested_at=T0, changed_at=T0) for row in rows]
    assert stages(a_policy(), known, same_moment, [serving(V1)]) == {"2": "Production"}


def test_deleted_versions_get_nothing() -> None:
    gone = replace(record(V2, "Staging", "passed"), deleted=True)
    rows = [promotion(V2, "approved")]
    assert wanted(a_policy(), [gone], rows, [serving(V2)]) == {}
    aliases = {**PRODUCTION, "registry": {"on_merge": ["alias:next"]}}
    assert wanted(a_policy(targets=[aliases]), [gone], rows) == {}
    beside = wanted(a_policy(), [gone, record(V1, verdict="passed")], [])
    assert beside == {("1", "stage"): "Staging", ("1", "alias:challenger"): "1"}


def test_the_champion_is_what_serves_and_was_approved() -> None:
    known = [record(V1, "Production"), record(V2, "Production")]
    rows = [promotion(V1, "serving"), promotion(V2, "approved")]
    champion = ("1", "alias:champion")
    assert wanted(a_policy(), known, rows, [serving(V1)]) == {champion: "1"}
    at_two = ModelRecord(V1.key, aliases={"champion": "2"})
    assert wanted(a_policy(), known, rows, [serving(V1)], at_two) == {champion: "1"}
    assert wanted(a_policy(), known, rows, [serving(None)]) == {}
    assert wanted(a_policy(), known, rows, [serving(V1, approved=False)]) == {}
    at_one = ModelRecord(V1.key, aliases={"champion": "1"})
    assert wanted(a_policy(), known, rows, [serving(None)], at_one) == {}, "an outage moves nothing"


def test_a_strangers_stage_is_left_alone_until_we_want_something_else() -> None:
    theirs = replace(record(V2, "None", "passed"), authors=Authors(foreign={"stage": "Staging"}))
    assert stages(a_policy(), [theirs]) == {}
    merged = [promotion(V2, "approved")]
    assert stages(a_policy(), [theirs], merged) == {"2": "Production"}


def test_a_strangers_alias_is_left_alone_until_we_want_something_else() -> None:
    known = [record(V1, "Production"), record(V2, "Production")]
    model = ModelRecord(
        V1.key, aliases={"champion": "9"}, authors=Authors(foreign={"alias:champion": "1"})
    )
    rows = [promotion(V1, "serving")]
    assert wanted(a_policy(), known[:1], rows, [serving(V1)], model) == {}
    later = [promotion(V1, "superseded"), promotion(V2, "serving")]
    assert wanted(a_policy(), known, later, [serving(V2)], model) == {
        ("1", "stage"): "Archived",
        ("2", "alias:champion"): "2",
    }


def test_two_targets_each_have_their_say_and_the_highest_stage_wins() -> None:
    policy = a_policy(targets=[STAGING, PRODUCTION])
    known = [record(V1), record(V2)]
    rows = [
        promotion(V1, "superseded", "staging"),
        promotion(V1, "serving"),
        promotion(V2, "serving", "staging"),
    ]
    live = [serving(V1), serving(V2, "staging")]
    assert wanted(policy, known, rows, live) == {
        ("1", "stage"): "Production",
        ("2", "stage"): "Staging",
        ("1", "alias:champion"): "1",
        ("2", "alias:rehearsed"): "2",
    }
    both = [replace(row, state="superseded") for row in rows[:2]] + rows[2:]
    both += [promotion(V2, "serving", hours=9)]
    now = [serving(V2), serving(V2, "staging")]
    asked = wanted(policy, known, both, now)
    assert asked["2", "stage"] == "Production"
    assert asked["1", "stage"] == "Archived"
    assert asked["2", "alias:champion"] == asked["2", "alias:rehearsed"] == "2"


class Counted(list[Any]):
    """Rows that count how many of them are read."""

    reads = 0

    def __iter__(self) -> Iterator[Any]:
        for row in super().__iter__():
            self.reads += 1
            yield row

    def __reversed__(self) -> Iterator[Any]:
        return iter(Counted(reversed(list(self))))


def test_a_model_of_twice_the_history_costs_twice_as_much() -> None:
    policy = a_policy(targets=[STAGING, PRODUCTION])
    reads, marks = {}, {}
    for many in (200, 400):
        versions = [a_version(str(n), created_ms=n) for n in range(1, many + 1)]
        records = Counted(record(one, "Staging", "passed") for one in versions)
        promotions = Counted(promotion(one, "superseded") for one in versions[::3])
        servings = Counted([serving(versions[-1])])
        marks[many] = len(demand(policy, Known(records, promotions, servings, None)))
        reads[many] = records.reads + promotions.reads + servings.reads
    print(f"rows read: {reads}, marks asked: {marks}")
    assert marks[400] > 1.9 * marks[200] > 100, "there is twice as much to say"
    assert reads[400] < 2.2 * reads[200]


def test_the_previous_value_is_what_was_seen() -> None:
    model = ModelRecord(V1.key, aliases={"champion": "9"})
    known = Known([record(V1, "Archived")], [promotion(V1, "serving")], [serving(V1)], model)
    assert {mark.mark: mark.previous for mark in demand(a_policy(), known)} == {
        "stage": "Archived",
        "alias:champion": "9",
    }
