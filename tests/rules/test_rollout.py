from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.policy.targets import RolloutRule
from processor.rules.rollout import Adopted, Changed, Moved, Said, Watch, judge
from processor.values.principal import claimed
from processor.values.promotion import Promotion, State
from processor.values.serving import Observation, Workload
from processor.values.slot import Slot
from processor.values.version import Version

T0 = datetime(2026, 1, 1, tzinfo=UTC)
RULE = RolloutRule(deadline=timedelta(minutes=3), stable=timedelta(seconds=2))
SLOT = Slot("acme", "acme/gitops", "main", "a.yaml", "InferenceService/m", "spec.uri")
WORK = Workload("local", "InferenceService", "m")


def promotion(number: int, state: State = "approved", merged: float = 0) -> Promotion:
    return Promotion(
        id=f"p{number}",
        version=Version("main", "default", "m", str(number), number),
        target="production",
        slot=SLOT,
        uri=f"file:///v{number}",
        state=state,
        requested_by=claimed("tara"),
        requested_at=T0,
        changed_at=T0 + timedelta(seconds=merged),
        merged_at=T0 + timedelta(seconds=merged),
        request_id=f"r{number}",
        merge_sha="a" * 40 if state not in {"requested", "proposed"} else None,
    )


def saw(applied: int | None = None, serving: int | None = None, problem: str = "") -> Observation:
    return Observation(
        WORK,
        applied_uri=f"file:///v{applied}" if applied else None,
        serving_uri=f"file:///v{serving}" if serving else None,
        problem=problem,
    )


class Slots:
    """A slot looked at again and again; states follow what was said, as the fold does.

    Deadlines are told on the dot, as `sources/deadlines` does.
    """

    def __init__(self) -> None:
        self.watch: Watch | None = None
        self.promotions: dict[str, Promotion] = {}
        self.due: dict[str, datetime] = {}

    def put(self, *promotions: Promotion) -> None:
        self.promotions |= {row.id: row for row in promotions}
        self.due |= {row.id: row.changed_at + RULE.deadline for row in promotions if row.merge_sha}

    def look(self, at: float, seen: Observation) -> list[str]:
        now = T0 + timedelta(seconds=at)
        overdue = {name for name, due in self.due.items() if due < now}
        said, self.watch = judge(
            self.watch, list(self.promotions.values()), seen, now, RULE, overdue
        )
        states: dict[str, State] = {
            "started": "rolling_out",
            "succeeded": "serving",
            "failed": "failed",
            "regressed": "failed",
            "superseded": "superseded",
        }
        for one in said:
            if isinstance(one, Moved) and one.how in states:
                row = self.promotions[one.promotion.id]
                if row.state != "bypassed" or one.how == "superseded":
                    row = replace(row, state=states[one.how], changed_at=now)
                self.promotions[row.id] = row
        self.said = said
        return words(said)


def words(said: Sequence[Said]) -> list[str]:
    out = []
    for one in said:
        match one:
            case Adopted():
                out.append(f"adopted {one.version.number if one.version else '?'}")
            case Changed():
                number = one.version.number if one.version else one.uri and "?"
                out.append(f"serves {number}{' approved' if one.approved else ''}")
            case Moved():
                out.append(f"{one.promotion.id} {one.how}{' again' if one.again else ''}")
    return out


def test_the_ordinary_story() -> None:
    slot = Slots()
    assert slot.look(0, saw()) == []
    slot.put(promotion(1, merged=1))
    assert slot.look(1, saw()) == []
    assert slot.look(2, saw(1)) == ["p1 started"]
    assert slot.look(3, saw(1)) == []
    assert slot.look(5, saw(1, 1)) == []
    assert slot.look(6.9, saw(1, 1)) == []
    assert slot.look(7, saw(1, 1)) == ["serves 1 approved", "p1 succeeded"]
    assert slot.look(8, saw(1, 1)) == []
    slot.put(promotion(2, merged=10))
    assert slot.look(11, saw(2, 1)) == ["p2 started"]
    assert slot.look(20, saw(2, 2)) == []
    assert slot.look(22, saw(2, 2)) == ["serves 2 approved", "p2 succeeded", "p1 superseded"]
    assert slot.look(23, saw(2, 2)) == []


def test_stable_counts_from_the_last_break() -> None:
    slot = Slots()
    slot.put(promotion(1))
    slot.look(0, saw(1))
    slot.look(1, saw(1, 1))
    slot.look(2, saw(1))
    slot.look(2.5, saw(1, 1))
    assert slot.look(4, saw(1, 1)) == []
    assert slot.look(4.5, saw(1, 1)) == ["serves 1 approved", "p1 succeeded"]


def test_a_problem_is_told_when_its_words_change() -> None:
    slot = Slots()
    slot.put(promotion(1))
    assert slot.look(1, saw(1, problem="exit 1")) == ["p1 started", "p1 progressed"]
    assert slot.look(2, saw(1, problem="exit 1")) == []
    assert slot.look(3, saw(1)) == []
    assert slot.look(4, saw(1, problem="exit 2")) == ["p1 progressed"]


def test_deadline_counts_from_the_merge_and_failure_is_told_once() -> None:
    slot = Slots()
    slot.put(promotion(1, merged=10))
    slot.look(100, saw(1))  # from here on changed_at is the start, not the merge
    assert slot.look(190, saw(1)) == []
    assert slot.look(190.1, saw(1, problem="exit 1")) == ["p1 progressed", "p1 failed"]
    failed = slot.said[-1]
    assert isinstance(failed, Moved)
    assert failed.detail == "not serving 3m after its merge: exit 1"
    assert slot.look(400, saw(1)) == []
    assert slot.look(401, saw(1, 1)) == []
    assert slot.look(403, saw(1, 1)) == ["serves 1 approved", "p1 succeeded"]


def test_nothing_applied_fails_too() -> None:
    slot = Slots()
    slot.put(promotion(1))
    slot.look(0, saw())
    assert slot.look(181, saw(None, 7)) == ["p1 failed"]


def test_an_answer_at_the_deadline_may_become_stable() -> None:
    slot = Slots()
    slot.put(promotion(1))
    slot.look(179, saw(1))
    assert slot.look(180.5, saw(1, 1)) == []
    assert slot.look(182.5, saw(1, 1)) == ["serves 1 approved", "p1 succeeded"]


def test_a_break_shorter_than_stable_is_no_regression() -> None:
    slot = served()
    assert slot.look(20, saw(1)) == []
    assert slot.look(21, saw(1, 1)) == []
    assert slot.look(30, saw(1, 1)) == []


def test_regressed_and_back_again() -> None:
    slot = served()
    assert slot.look(20, saw(1, problem="died")) == []
    assert slot.look(22, saw(1, problem="died")) == ["serves None", "p1 regressed"]
    assert slot.look(30, saw(1)) == []
    slot.look(31, saw(1, 1))
    assert slot.look(33, saw(1, 1)) == ["serves 1 approved", "p1 succeeded again"]


def test_something_else_answers_instead() -> None:
    slot = served()
    slot.look(20, saw(9, 9))
    assert slot.look(22, saw(9, 9)) == ["serves ?", "p1 regressed"]


def test_overtaken_before_it_served() -> None:
    slot = Slots()
    slot.put(promotion(1, merged=0))
    slot.look(1, saw(1))
    slot.put(promotion(2, merged=5))
    assert slot.look(6, saw(1)) == ["p1 superseded"]
    assert slot.look(7, saw(2)) == ["p2 started"]


def test_a_rollout_step_after_the_next_merge_does_not_hide_it() -> None:
    slot = Slots()
    slot.put(promotion(1, merged=0))
    slot.look(1, saw(1))
    slot.put(replace(slot.promotions["p1"], changed_at=T0 + timedelta(seconds=50)))
    slot.put(promotion(2, merged=5))
    assert slot.look(51, saw(2)) == ["p1 superseded", "p2 started"]


def test_a_merge_in_the_second_in_which_the_one_before_began_to_serve_is_the_newer() -> None:
    slot = Slots()
    slot.put(replace(promotion(1, "serving", merged=4), changed_at=T0 + timedelta(seconds=5.04)))
    slot.put(promotion(2, merged=5))
    assert slot.look(6, saw(2)) == ["p2 started"]
    assert "p2 superseded" not in slot.look(7, saw(2))


def test_first_look_adopts_what_serves() -> None:
    assert Slots().look(0, saw(7, 7)) == ["adopted ?", "serves ?"]
    slot = Slots()
    slot.put(promotion(7, "proposed"))
    assert slot.look(0, saw(7, 7)) == ["adopted 7", "serves 7"]
    slot = Slots()
    slot.put(promotion(1, "superseded"), promotion(2))
    assert slot.look(0, saw(1, 1)) == ["adopted 1", "serves 1 approved"]


def test_first_look_at_our_own_rollout_adopts_nothing() -> None:
    slot = Slots()
    slot.put(promotion(1))
    assert slot.look(0, saw(1, 1)) == ["p1 started"]
    assert slot.look(2, saw(1, 1)) == ["serves 1 approved", "p1 succeeded"]


def test_bypassed_serves_but_is_never_approved_not_even_later() -> None:
    slot = Slots()
    slot.put(promotion(1, "bypassed"))
    slot.look(0, saw(1, 1))
    assert slot.look(2, saw(1, 1)) == ["serves 1", "p1 succeeded"]
    slot.put(promotion(2, merged=10))
    assert slot.look(11, saw(2, 1)) == ["p1 superseded", "p2 started"]
    slot.look(12, saw(2, 2))
    assert slot.look(14, saw(2, 2)) == ["serves 2 approved", "p2 succeeded"]
    slot.look(15, saw(1, 1))
    assert slot.look(17, saw(1, 1)) == ["serves 1", "p2 regressed"]


def test_back_to_an_earlier_approved_version_in_git_is_approved_serving() -> None:
    slot = Slots()
    slot.put(promotion(1, "superseded"), promotion(2, "serving", merged=5))
    slot.watch = Watch(
        seen_uri="file:///v2", seen_since=T0, told_uri="file:///v2", promotion_id="p2",
        phase="served",
    )  # fmt: skip
    slot.look(20, saw(1, 1))
    assert slot.look(22, saw(1, 1)) == ["serves 1 approved", "p2 regressed"]


@given(
    st.lists(
        st.tuples(
            st.floats(0.1, 60),
            st.sampled_from([None, 1, 2]),
            st.sampled_from([None, 1, 2, 9]),
            st.sampled_from(["", "a", "b"]),
            st.booleans(),
        ),
        max_size=40,
    )
)
def test_whatever_is_seen(looks: list[tuple[float, int | None, int | None, str, bool]]) -> None:
    slot, at, merged = Slots(), 0.0, False
    told: tuple[str | None, bool] | None = None
    once: list[str] = []
    slot.put(promotion(1))
    for pause, applied, serving, problem, merge in looks:
        at += pause
        if merge and not merged:
            merged = True
            slot.put(promotion(2, merged=at))
        said = slot.look(at, saw(applied, serving, problem))
        once += [word for word in said if word.endswith(("started", "failed", "superseded"))]
        once += [word for word in said if word.endswith("succeeded")]
        for one in slot.said:
            if isinstance(one, Changed):
                assert (one.uri, one.approved) != told  # two in a row never say the same
                assert one.uri != (told or (None,))[0] or one.approved  # only better news
                told = (one.uri, one.approved)
        assert slot.look(at, saw(applied, serving, problem)) == []  # a look repeated says nothing
    assert len(once) == len(set(once))


def served() -> Slots:
    slot = Slots()
    slot.put(promotion(1))
    slot.look(0, saw(1, 1))
    assert slot.look(2, saw(1, 1)) == ["serves 1 approved", "p1 succeeded"]
    return slot


def test_a_cluster_quicker_than_the_forge_is_not_called_unapproved() -> None:
    slot = served()
    slot.put(promotion(2, "proposed"))
    assert slot.look(10, saw(2, 2)) == []
    assert slot.look(13, saw(2, 2)) == [], "its merge is about to be judged"
    slot.put(promotion(2, merged=14))
    assert "serves 2 approved" in slot.look(14, saw(2, 2))


def test_what_serves_unapproved_is_told_when_it_is_approved_after_all() -> None:
    slot = served()
    assert slot.look(10, saw(2, 2)) == []
    assert "approved" not in " ".join(slot.look(12, saw(2, 2)))
    slot.put(promotion(2, merged=13))
    assert "serves 2 approved" in slot.look(13, saw(2, 2))
    assert slot.look(14, saw(2, 2)) == []


def test_what_an_open_proposal_asks_for_is_called_unapproved_after_the_deadline() -> None:
    slot = served()
    slot.put(promotion(2, "proposed"))
    slot.look(10, saw(2, 2))
    said = slot.look(200, saw(2, 2))
    assert any("serves 2" in word and "approved" not in word.split() for word in said), said


@pytest.mark.parametrize("state", ["requested", "proposed", "rejected", "withdrawn", "expired"])
def test_what_was_not_merged_is_not_awaited(state: State) -> None:
    slot = Slots()
    slot.put(promotion(1, state))
    assert slot.look(0, saw(1)) == []
    assert slot.look(500, saw(1)) == []
