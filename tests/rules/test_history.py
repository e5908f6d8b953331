"""Folding is total, late and foreign facts change nothing, and strangers' marks are remembered."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor import events as e
from processor.rules.history import VIEWS, deadlines, fold_all, promotions
from processor.testing.samples import CANDIDATE, CHAMPION, SAMPLES, SLOT, TARGET, URI
from processor.values.about import About
from processor.values.deadline import Deadline
from processor.values.evaluation import GateResult
from processor.values.principal import SLUICE, UNKNOWN, Principal
from processor.values.promotion import Promotion, promotion_id_of
from processor.values.record import ModelRecord, VersionRecord
from processor.values.serving import Serving, Soak
from processor.values.version import Version

T0 = datetime(2026, 1, 1, tzinfo=UTC)
ABOUT = About.of(CANDIDATE)
MODEL = About("main", "default", "fraud")


@dataclass(frozen=True)
class Told:
    event: e.Event
    at: datetime


def folded(events: Iterable[e.Event]) -> dict[type[Any], dict[str, Any]]:
    return fold_all(Told(one, T0 + timedelta(minutes=at)) for at, one in enumerate(events))


def record_of(*events: e.Event) -> VersionRecord:
    found = folded(events)[VersionRecord][CANDIDATE.path]
    assert isinstance(found, VersionRecord)
    return found


def model_of(*events: e.Event) -> ModelRecord:
    found = folded(events)[ModelRecord][CANDIDATE.key]
    assert isinstance(found, ModelRecord)
    return found


def sample(kind: type[e.Event]) -> Any:
    return next(one for one in SAMPLES if type(one) is kind)


def stage(old: str, new: str, by: Principal = UNKNOWN, cause: str | None = None) -> e.Event:
    kind = e.VersionStageChanged
    head = kind.heading(ABOUT, f"{old}{new}", actor=by, cause=cause)
    return kind(head=head, version=CANDIDATE, old=old, new=new)


def marked(mark: str, value: str, previous: str) -> e.Event:
    kind = e.VersionMarked
    head = kind.heading(ABOUT, f"{mark}{value}{previous}", actor=SLUICE, cause="asked")
    return kind(head=head, version=CANDIDATE, mark=mark, value=value, previous=previous)


def alias(number: str, previous: str, by: Principal = UNKNOWN) -> e.Event:
    kind = e.AliasSet if number else e.AliasRemoved
    more = {"number": number} if number else {}
    return kind.model_validate(
        {
            "head": kind.heading(MODEL, f"{number}{previous}", actor=by),
            "workspace": "default",
            "model": "fraud",
            "alias": "champion",
            "previous": previous,
            **more,
        }
    )


STORIES = st.lists(st.sampled_from(SAMPLES), max_size=30)


@settings(max_examples=400, deadline=None)
@given(story=STORIES)
def test_folding_any_story_raises_nothing_and_every_row_is_found_by_its_columns(
    story: list[e.Event],
) -> None:
    views = folded(story)
    for view in VIEWS:
        for row in views[view.row].values():
            columns = view.columns(row)
            assert len(columns) == 3
            assert all(isinstance(column, str) for column in columns)


@settings(max_examples=400, deadline=None)
@given(story=STORIES)
def test_a_promotion_folds_the_same_fact_twice_as_once(story: list[e.Event]) -> None:
    row: Promotion | None = None
    for event in story:
        if not promotions.keys_of(event):
            continue
        key = promotions.keys_of(event)[0]
        row = promotions.fold(row, event, T0, key)
        assert promotions.fold(row, event, T0, key) == row, event.kind


@settings(max_examples=200, deadline=None)
@given(story=STORIES)
def test_facts_about_others_leave_a_row_as_it_is(story: list[e.Event]) -> None:
    other = Version("main", "default", "another", "1", 7)
    kind = e.VersionRegistered
    head = kind.heading(About.of(other), "7")
    seen = kind(head=head, version=other, run_id="r", stage="None", artifact="s3://x")
    alone = folded([seen])[VersionRecord][other.path]
    assert folded([seen, *story])[VersionRecord][other.path] == alone


def told_promotion(*kinds: type[e.Event]) -> Promotion:
    found = folded(sample(kind) for kind in kinds)[Promotion]
    [row] = found.values()
    assert isinstance(row, Promotion)
    return row


def test_a_promotion_keeps_what_each_step_told() -> None:
    asked = told_promotion(e.PromotionRequested)
    assert (asked.state, asked.proposal, asked.uri) == ("requested", None, "")
    assert asked.id == promotion_id_of(asked.request_id)
    open_ = told_promotion(e.PromotionRequested, e.PromotionProposed)
    assert (open_.state, open_.uri) == ("proposed", URI)
    assert open_.proposal == sample(e.PromotionProposed).proposal
    steps = (e.PromotionRequested, e.PromotionProposed, e.ApprovalGiven, e.PromotionApproved)
    merged = told_promotion(*steps, e.RolloutStarted, e.RolloutFailed)
    assert (merged.state, merged.merge_sha) == ("failed", sample(e.PromotionApproved).merge_sha)
    assert merged.reason == "no answer within 20 minutes"
    late = told_promotion(*steps, e.RolloutFailed, e.RolloutSucceeded)
    assert (late.state, late.reason) == ("serving", "")
    bypassed = told_promotion(e.PromotionRequested, e.PromotionProposed, e.PromotionBypassed)
    assert (bypassed.state, bypassed.reason) == ("bypassed", "one approval of ana is missing")


def test_an_end_keeps_its_state_whatever_comes_late() -> None:
    ended = told_promotion(e.PromotionRequested, e.PromotionProposed, e.PromotionRejected)
    late = [kind for kind in e.CATALOG if kind is not e.PromotionRequested]
    steps = (e.PromotionRequested, e.PromotionProposed, e.PromotionRejected)
    assert told_promotion(*steps, *late) == ended
    assert ended.reason == "not before the holidays"


def test_a_yes_counts_only_while_it_is_open_and_goes_when_it_is_voided() -> None:
    open_ = (e.PromotionRequested, e.PromotionProposed)
    given_ = told_promotion(*open_, e.ApprovalGiven)
    [approval] = given_.approvals
    assert (approval.by.name, approval.head_sha) == ("ana", sample(e.ApprovalGiven).head_sha)
    other_head = told_promotion(*open_, e.ApprovalGiven, e.ApprovalVoided)
    assert other_head.approvals == given_.approvals, "another head was voided"
    void = sample(e.ApprovalVoided).model_copy(update={"head_sha": approval.head_sha})
    story = [*(sample(kind) for kind in (*open_, e.ApprovalGiven)), void]
    [row] = folded(story)[Promotion].values()
    assert row.approvals == ()
    merged = told_promotion(*open_, e.PromotionApproved, e.ApprovalGiven)
    assert merged.approvals == ()


def test_a_version_record_follows_stage_end_and_newest_judgement() -> None:
    seen = sample(e.VersionRegistered)
    assert record_of(seen).stage == "None"
    assert not record_of(seen).baseline
    assert record_of(sample(e.VersionObserved)).baseline
    assert record_of(seen, stage("None", "Staging")).stage == "Staging"
    assert record_of(seen, sample(e.VersionDeleted)).deleted
    started = sample(e.EvaluationStarted)
    waiting = record_of(seen, started).judgement
    assert waiting is not None
    assert (waiting.verdict, waiting.pending) == (None, started.pending)
    answered = record_of(seen, started, sample(e.GateFinished)).judgement
    assert answered is not None
    assert answered.pending == started.pending[1:]
    assert answered.results == (*started.results, sample(e.GateFinished).result)
    for kind in (e.EvaluationPassed, e.EvaluationFailed, e.EvaluationInconclusive):
        judged = record_of(seen, started, sample(kind)).judgement
        assert judged is not None
        assert (judged.verdict, judged.results) == (kind.verdict, sample(kind).results)


def test_who_trained_it_stays_known_while_it_is_judged_again() -> None:
    seen, passed = sample(e.VersionRegistered), sample(e.EvaluationPassed)
    again = record_of(seen, passed, sample(e.EvaluationStarted)).judgement
    assert again
    assert again.verdict is None
    assert again.training == passed.training


def test_an_answer_to_another_evaluation_or_a_second_one_changes_nothing() -> None:
    seen, started = sample(e.VersionRegistered), sample(e.EvaluationStarted)
    answer = sample(e.GateFinished)
    stray = answer.model_copy(update={"evaluation_id": "another"})
    assert record_of(seen, started, stray) == record_of(seen, started)
    again = answer.model_copy(update={"result": GateResult("g", "event", "failed")})
    assert record_of(seen, started, answer, again) == record_of(seen, started, answer)


def test_a_mark_a_stranger_replaced_is_foreign_until_they_put_it_back() -> None:
    seen, ours = sample(e.VersionRegistered), marked("stage", "Staging", "None")
    assert record_of(seen, ours).stage == "Staging"
    assert dict(record_of(seen, ours).authors.foreign) == {}
    theirs = record_of(seen, ours, stage("Staging", "Archived"))
    assert (theirs.stage, dict(theirs.authors.foreign)) == ("Archived", {"stage": "Staging"})
    back = record_of(seen, ours, stage("Staging", "Archived"), stage("Archived", "Staging"))
    assert dict(back.authors.foreign) == {}
    untouched = record_of(seen, stage("None", "Production"))
    assert dict(untouched.authors.foreign) == {}, "there was no mark of ours to replace"


def test_a_strangers_write_told_before_our_own_word_stays_theirs() -> None:
    seen = sample(e.VersionRegistered)
    late = record_of(seen, stage("None", "Archived"), marked("stage", "Staging", "None"))
    assert (late.stage, dict(late.authors.foreign)) == ("Archived", {"stage": "Staging"})


def test_what_a_stranger_put_back_before_our_own_word_stays_theirs() -> None:
    """Our write was seen to land, a stranger undid it, and only then came our word of it."""
    seen, ours = sample(e.VersionRegistered), marked("stage", "Staging", "None")
    landed = stage("None", "Staging", by=SLUICE, cause=ours.head.cause)
    undone = record_of(seen, landed, stage("Staging", "None"), ours)
    assert (undone.stage, dict(undone.authors.foreign)) == ("None", {"stage": "Staging"})
    late = record_of(seen, landed, stage("Staging", "None"), ours, landed)
    assert (late.stage, dict(late.authors.foreign)) == ("Staging", {}), "ours landed once more"
    unseen = record_of(seen, stage("Staging", "None"), ours)
    assert (unseen.stage, dict(unseen.authors.foreign)) == ("None", {"stage": "Staging"}), (
        "nobody told of our write but the stranger who replaced it"
    )
    other = stage("None", "Staging", by=SLUICE, cause="another")
    again = record_of(seen, other, stage("Staging", "None"), ours)
    assert (again.stage, dict(again.authors.foreign)) == ("Staging", {}), "another write of ours"


def test_an_alias_a_stranger_moved_is_foreign_and_our_next_word_lifts_that() -> None:
    ours = marked("alias:champion", "2", "")
    assert dict(model_of(ours).aliases) == {"champion": "2"}
    theirs = model_of(ours, alias("9", "2"))
    assert (dict(theirs.aliases), dict(theirs.authors.foreign)) == (
        {"champion": "9"},
        {"alias:champion": "2"},
    )
    gone = model_of(ours, alias("", "2"))
    assert (dict(gone.aliases), dict(gone.authors.foreign)) == ({}, {"alias:champion": "2"})
    lifted = model_of(ours, alias("9", "2"), marked("alias:champion", "3", "9"))
    assert (dict(lifted.aliases), dict(lifted.authors.foreign)) == ({"champion": "3"}, {})


def serving(version: Version | None, uri: str | None, approved: bool = True) -> e.Event:  # noqa: FBT001, FBT002
    kind = e.ServingChanged
    about = About("main", "default", "fraud", target=TARGET)
    return kind(
        head=kind.heading(about, f"{uri}"),
        target=TARGET,
        slot=SLOT,
        uri=uri,
        version=version,
        approved=approved,
    )


def served(*events: e.Event) -> Serving:
    [row] = folded(events)[Serving].values()
    assert isinstance(row, Serving)
    return row


def test_what_serves_remembers_what_served_before_through_an_outage() -> None:
    first, second = serving(CHAMPION, "s3://1"), serving(CANDIDATE, URI)
    assert served(first).model_key == CHAMPION.key
    assert served(first).previous is None
    assert served(first, second).previous == CHAMPION
    assert served(first, serving(None, None), second).previous == CHAMPION
    assert served(first, second, second).previous == CHAMPION
    assert served(first, serving(None, None)).version is None


def test_a_success_of_another_uri_does_not_touch_what_serves() -> None:
    done = sample(e.RolloutSucceeded)
    here = served(serving(CANDIDATE, URI), done)
    assert (here.endpoint, here.prediction) == (done.endpoint, done.prediction)
    assert served(serving(CHAMPION, "s3://1"), done).endpoint is None
    assert folded([done])[Serving] == {}


def window(*events: e.Event) -> Deadline:
    [row] = folded(events)[Deadline].values()
    assert isinstance(row, Deadline)
    return row


def started(name: str) -> e.EvaluationStarted:
    kind = e.EvaluationStarted
    return kind(
        head=kind.heading(ABOUT, name),
        version=CANDIDATE,
        policy_digest="d",
        results=(),
        pending=("scan.completed",),
        due=T0,
    )


def passed(of: e.EvaluationStarted) -> e.Event:
    kind = e.DeadlinePassed
    return kind(
        head=kind.heading(ABOUT, of.head.id),
        deadline=f"gates:{CANDIDATE.path}",
        what="gate window",
        event_id=of.head.id,
        due=of.due,
        version=CANDIDATE,
    )


def columns_of(row: Deadline) -> Sequence[str]:
    return deadlines.columns(row)


def test_a_gate_window_is_open_until_it_passes_or_a_verdict_lifts_it() -> None:
    first, again = started("one"), started("two")
    assert columns_of(window(first)) == (CANDIDATE.key, "gate window", "open")
    assert columns_of(window(first, passed(first)))[2] == "passed"
    assert columns_of(window(first, sample(e.EvaluationFailed)))[2] == "lifted"
    assert columns_of(window(first, passed(first), again))[2] == "open"
    assert folded([passed(first)])[Deadline] == {}


def test_the_end_of_an_older_window_does_not_close_a_newer_one() -> None:
    first, again = started("one"), started("two")
    late = window(first, again, passed(first))
    assert (late.event_id, late.passed) == (again.head.id, False)


def window_of(what: str, *events: e.Event) -> Deadline:
    [row] = [row for row in folded(events)[Deadline].values() if row.kind == what]
    assert isinstance(row, Deadline)
    return row


HELD = (e.TargetHeld,)
ASKED = (e.PromotionRequested,)
OPENED = (*ASKED, e.PromotionProposed)
MERGED = (*OPENED, e.PromotionApproved)
SETS: dict[str, tuple[type[e.Event], ...]] = {
    "gate window": (e.EvaluationStarted,),
    "waiver": (e.WaiverGiven,),
    "proposal": OPENED,
    "rollout": MERGED,
    "soak": (e.ServingChanged,),
    "hold": HELD,
}
LIFTS: dict[str, tuple[type[e.Event], ...]] = {
    "gate window": (
        e.EvaluationPassed,
        e.EvaluationFailed,
        e.EvaluationInconclusive,
        e.VersionDeleted,
    ),
    "waiver": (),
    "proposal": (
        e.PromotionApproved,
        e.PromotionBypassed,
        e.PromotionRejected,
        e.PromotionWithdrawn,
        e.PromotionSuperseded,
        e.PromotionExpired,
    ),
    "rollout": (e.RolloutSucceeded, e.RolloutFailed, e.RolloutSuperseded),
    "soak": (),
    "hold": (e.TargetReleased,),
}


def story(what: str) -> list[e.Event]:
    """Return the events that set a deadline of a kind, with a moment where the sample has none."""
    told: list[e.Event] = [sample(kind) for kind in SETS[what]]
    if what == "hold":
        told[-1] = told[-1].model_copy(update={"until": T0})
    if what == "soak":
        told[-1] = told[-1].model_copy(update={"soaks": (Soak("production", T0),)})
    return told


@pytest.mark.parametrize("what", SETS)
def test_each_kind_of_deadline_is_set_told_and_lifted(what: str) -> None:
    row = window_of(what, *story(what))
    assert columns_of(row)[2] == "open"
    kind = e.DeadlinePassed
    told = kind(
        head=kind.heading(ABOUT, "told"),
        deadline=row.key,
        what=row.kind,
        event_id=row.event_id,
        due=row.due,
        version=row.version,
    )
    assert columns_of(window_of(what, *story(what), told))[2] == "passed"
    for lift in LIFTS[what]:
        assert columns_of(window_of(what, *story(what), sample(lift)))[2] == "lifted", lift.kind
    mine = {*LIFTS[what], *SETS[what], e.DeadlinePassed}
    others = [kind for kind in e.CATALOG if kind not in mine]
    assert columns_of(window_of(what, *story(what), *map(sample, others)))[2] == "open"


def test_a_request_waits_a_fortnight_and_its_proposal_as_long_as_it_says() -> None:
    asked = window_of("proposal", sample(e.PromotionRequested))
    assert asked.due == T0 + timedelta(days=14)
    assert asked.slot == SLOT
    later = sample(e.PromotionProposed).model_copy(update={"expires": T0 + timedelta(days=3)})
    opened = window_of("proposal", sample(e.PromotionRequested), later)
    assert (opened.due, opened.event_id) == (T0 + timedelta(days=3), later.head.id)
    old = later.model_copy(update={"expires": None})
    assert window_of("proposal", sample(e.PromotionRequested), old) == asked


def test_what_is_told_late_of_a_promotion_that_has_ended_sets_nothing() -> None:
    gone = (*(sample(kind) for kind in (e.PromotionRequested, e.PromotionWithdrawn)),)
    late = sample(e.PromotionProposed).model_copy(update={"expires": T0})
    assert columns_of(window_of("proposal", *gone, late))[2] == "lifted"


def test_a_soak_that_was_told_is_lifted_when_something_else_serves() -> None:
    began = story("soak")[0]
    row = window_of("soak", began)
    kind = e.DeadlinePassed
    told = kind(
        head=kind.heading(ABOUT, "told"),
        deadline=row.key,
        what="soak",
        event_id=row.event_id,
        due=row.due,
        version=row.version,
    )
    broke = began.model_copy(update={"soaks": (Soak("production", None),)})
    assert columns_of(window_of("soak", began, told, broke))[2] == "lifted"
    again = window_of("soak", began, told, broke, began)
    assert columns_of(again)[2] == "open"


def test_a_merge_has_until_its_own_moment_or_the_usual_one() -> None:
    told = [sample(kind) for kind in MERGED]
    due = window_of("rollout", *told)
    assert due.due == told[-1].rollout_due or due.due == T0 + timedelta(minutes=2 + 20)
    told[-1] = told[-1].model_copy(update={"rollout_due": T0})
    assert window_of("rollout", *told).due == T0
