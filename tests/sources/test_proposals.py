"""How proposals end: what the source says for everything that can become of one."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar, cast

import pytest

from processor.events import (
    ApprovalVoided,
    EvaluationFailed,
    EvaluationPassed,
    Event,
    Judged,
    PromotionApproved,
    PromotionBypassed,
    PromotionExpired,
    PromotionRejected,
    PromotionSuperseded,
    PromotionUpdated,
    PromotionWithdrawn,
    TargetHeld,
    VersionRegistered,
)
from processor.policy.gates import MetricGate
from processor.policy.policy import Policies, Policy
from processor.policy.targets import Approval as Rule
from processor.policy.targets import Edit, RolloutRule, SlotWritten, Target
from processor.ports.log import Appended, EventLog, Recorded
from processor.ports.views import Views
from processor.rules.history import promotions as history
from processor.rules.proposal_end import expired_because, superseded_by, withdrawn_because
from processor.rules.slots import repository_of, slot_of
from processor.sources.proposals import ProposalsSource
from processor.testing.forge import MemoryForge
from processor.values.about import About
from processor.values.evaluation import Comparison, Training, Verdict
from processor.values.people import People
from processor.values.principal import SLUICE, UNKNOWN, Principal, claimed
from processor.values.promotion import Approval, Promotion
from processor.values.proposal import Proposal
from processor.values.record import Judgement, VersionRecord
from processor.values.slot import Repository
from processor.values.version import Version

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
V7 = Version("main", "default", "fraud", "7", 7000)
ANA, CY = Principal("ana", "authenticated"), Principal("cy", "authenticated")
URI = "spec.predictor.model.storageUri"
TARGET = Target(
    name="production",
    slot=SlotWritten(forge="acme", repository="acme/gitops"),
    edits=(Edit(file="{model}.yaml", set={URI: "{uri}"}),),
    cluster="prod",
    approval=Rule(people=("ana", "bo", "cy")),
)
WHERE = repository_of(TARGET)
R = TypeVar("R")


def manifest(uri: str) -> bytes:
    return (
        "kind: InferenceService\nmetadata: {name: fraud}\n"
        f"spec: {{predictor: {{model: {{storageUri: '{uri}'}}}}}}\n"
    ).encode()


def policies(target: Target = TARGET, models: str = "fraud") -> Policies:
    gate = MetricGate(metric="a", better="higher", at_least=0)
    return Policies((Policy(models=models, gates=(gate,), targets=(target,)),))


@dataclass
class Ledger:
    """What the source reads and writes; events are kept once by id, pushes are folded."""

    promotions: list[Promotion] = field(default_factory=list)
    events: dict[str, Event] = field(default_factory=dict)
    record: VersionRecord | None = None
    before: list[Recorded] = field(default_factory=list)

    async def append(self, events: Sequence[Event], **_: object) -> Appended:
        new = [event for event in events if event.head.id not in self.events]
        self.events |= {event.head.id: event for event in new}
        for event in new:
            if isinstance(event, PromotionUpdated | ApprovalVoided):
                self.promotions = [
                    history.fold(row, event, AT, row.id) or row
                    if row.id == event.promotion_id
                    else row
                    for row in self.promotions
                ]
        return Appended(tuple(event.head.id for event in new), ())

    async def get(self, kind: type[R], key: str) -> R | None:
        if kind is Promotion:
            mine = next((row for row in self.promotions if row.id == key), None)
            return cast("R | None", mine)
        assert (kind, key) == (VersionRecord, V7.path)
        return cast("R | None", self.record)

    async def of_key(self, key: str, until: datetime | None = None) -> Sequence[Recorded]:
        assert key == V7.key
        assert until
        return [one for one in self.before if one.at <= until]

    async def sealed(self, key: str) -> None:
        """Everything is kept."""

    async def find(self, kind: type[R], **wanted: str) -> Sequence[R]:
        assert kind is Promotion
        return cast("list[R]", [row for row in self.promotions if row.state == wanted["state"]])


@dataclass
class Scene:
    """One proposed promotion on a forge in memory."""

    forge: MemoryForge = field(default_factory=lambda: MemoryForge(now=lambda: AT))
    ledger: Ledger = field(default_factory=Ledger)
    policies: Policies = field(default_factory=policies)
    others: dict[str, MemoryForge] = field(default_factory=dict)

    @property
    def promotion(self) -> Promotion:
        return self.ledger.promotions[0]

    @property
    def number(self) -> int:
        assert self.promotion.proposal
        return self.promotion.proposal.number

    @property
    def head(self) -> str:
        assert self.promotion.proposal
        return self.promotion.proposal.head_sha

    def source(self) -> ProposalsSource:
        return ProposalsSource(
            forges={"acme": self.forge, **self.others},
            policies=lambda: self.policies,
            people=People(git={"Ana A": "ana"}),
            log=cast("EventLog", self.ledger),
            views=cast("Views", self.ledger),
        )

    async def propose(self, promotion_id: str = "p-1") -> None:
        base = await self.forge.head(WHERE)
        files = (("fraud.yaml", manifest("s3://new")),)
        await self.forge.commit(WHERE, promotion_id, base, files, "m", AT)
        made = await self.forge.open(WHERE, promotion_id, "t", "b", promotion_id)
        self.ledger.promotions.append(
            Promotion(
                id=promotion_id,
                version=V7,
                target="production",
                slot=slot_of(TARGET, "fraud"),
                uri="s3://new",
                state="proposed",
                requested_by=CY,
                requested_at=AT,
                changed_at=AT,
                request_id="r-1",
                proposal=made.ref,
            )
        )

    def judged(self, verdict: Verdict | None, at: datetime = AT) -> None:
        """Let the ledger know a verdict; None means that gates are still out."""
        judged = Judgement("e", at, "d", verdict, (), comparison=Comparison(None, ()))
        self.ledger.record = VersionRecord(V7, "run", "None", "s3://m", at, judgement=judged)
        kinds: dict[Verdict | None, type[Judged]] = {
            "passed": EvaluationPassed,
            "failed": EvaluationFailed,
        }
        said = VersionRegistered(
            head=VersionRegistered.heading(About.of(V7), "7"),
            version=V7,
            run_id="run",
            stage="None",
            artifact="s3://m",
        )
        events: list[Event] = [said]
        if kind := kinds.get(verdict):
            head = kind.heading(About.of(V7), at.isoformat())
            data = {"version": V7, "policy_digest": "d", "results": ()}
            training = Training("run", None, UNKNOWN, (), ())
            events.append(
                kind(head=head, comparison=Comparison(None, ()), training=training, **data)
            )
        self.ledger.before += [Recorded(one, at, at, None, None) for one in events]

    def approve(self, who: Principal = ANA, head: str | None = None, at: datetime = AT) -> None:
        given = (*self.promotion.approvals, Approval(who, head or self.head, at))
        self.ledger.promotions[0] = replace(self.promotion, approvals=given)

    async def said(self) -> list[Event]:
        """Look twice: the second look must add nothing."""
        await self.source().look()
        once = list(self.ledger.events.values())
        await self.source().look()
        assert list(self.ledger.events.values()) == once
        return once

    async def only(self) -> Event:
        (event,) = await self.said()
        return event


@pytest.fixture
async def scene() -> Scene:
    made = Scene()
    made.forge.create_repository(WHERE, {"fraud.yaml": manifest("s3://old")})
    made.judged("passed")
    await made.propose()
    return made


async def test_an_open_proposal_is_no_news(scene: Scene) -> None:
    scene.approve()
    assert await scene.said() == []


async def test_merged_with_the_rule_held_is_approved(scene: Scene) -> None:
    scene.approve()
    await scene.forge.merge(WHERE, scene.number, scene.head, ANA)
    event = await scene.only()
    assert isinstance(event, PromotionApproved)
    assert (event.merged_by, event.approvals, event.uri) == (ANA, (ANA,), "s3://new")
    assert event.merge_sha == await scene.forge.head(WHERE)
    assert (event.head.actor, event.head.time, event.head.cause) == (ANA, AT, "r-1")


async def test_a_yes_and_a_merge_that_came_while_the_forge_was_asked_are_seen_together(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = scene.forge.get

    async def get(where: Repository, number: int) -> Proposal:
        if not scene.promotion.approvals:
            scene.approve()
            await scene.forge.merge(where, number, scene.head, SLUICE)
        return await ask(where, number)

    monkeypatch.setattr(scene.forge, "get", get)
    event = await scene.only()
    assert isinstance(event, PromotionApproved)
    assert event.approvals == (ANA,)


async def test_a_merge_by_plain_git_with_the_rule_held_is_approved(scene: Scene) -> None:
    scene.approve()
    scene.forge.person_merges(WHERE, "p-1", "Bo B")
    event = await scene.only()
    assert isinstance(event, PromotionApproved)
    assert event.merged_by == claimed("Bo B")


@pytest.mark.parametrize("who", [None, CY, claimed("ana"), Principal("eve", "authenticated")])
async def test_merged_without_a_yes_that_counts_is_bypassed(
    scene: Scene, who: Principal | None
) -> None:
    if who:
        scene.approve(who)
    await scene.forge.merge(WHERE, scene.number, scene.head, SLUICE)
    event = await scene.only()
    assert isinstance(event, PromotionBypassed)
    assert event.unmet == ("1 approval missing; can be given by ana, bo",)


async def test_a_commit_after_the_approval_bypasses_twice_over(scene: Scene) -> None:
    scene.approve()
    scene.forge.person_pushes(WHERE, "p-1", {"fraud.yaml": manifest("s3://evil")}, "Ana A")
    scene.forge.person_merges(WHERE, "p-1", "Ana A")
    event = await scene.only()
    assert isinstance(event, PromotionBypassed)
    assert event.unmet == (
        "1 approval missing; can be given by bo",
        "merged content names s3://evil instead of s3://new",
    )
    assert event.uri == "s3://evil"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"kind: Other\nmetadata: {name: x}\n", "cannot be read: no InferenceService/fraud"),
        (b"kind: InferenceService\nmetadata: {name: fraud}\n", f"names nothing at {URI}"),
    ],
)
async def test_merged_content_that_names_nothing_is_bypassed(
    scene: Scene, content: bytes, word: str
) -> None:
    head = scene.forge.person_pushes(WHERE, "p-1", {"fraud.yaml": content}, "Eve E")
    scene.approve(head=head)
    await scene.forge.merge(WHERE, scene.number, head, ANA)
    event = await scene.only()
    assert isinstance(event, PromotionBypassed)
    assert len(event.unmet) == 1
    assert word in event.unmet[0]


@pytest.mark.parametrize(
    ("ruling", "word"),
    [
        (Policies(()), "no longer has target production"),
        (policies(TARGET.model_copy(update={"name": "other"})), "no longer has target production"),
        (Policies((*policies(models="fr*").all, *policies(models="f*d").all)), "ruled by both"),
    ],
)
async def test_merged_without_a_rule_is_bypassed(scene: Scene, ruling: Policies, word: str) -> None:
    scene.policies = ruling
    scene.approve()
    await scene.forge.merge(WHERE, scene.number, scene.head, ANA)
    event = await scene.only()
    assert isinstance(event, PromotionBypassed)
    assert word in event.unmet[0]


async def test_an_automatic_target_asks_nobody(scene: Scene) -> None:
    scene.policies = policies(TARGET.model_copy(update={"approval": "automatic"}))
    await scene.forge.merge(WHERE, scene.number, scene.head, SLUICE)
    event = await scene.only()
    assert isinstance(event, PromotionApproved)
    assert event.approvals == ()


@pytest.mark.parametrize("who", [ANA, CY])
async def test_closed_by_an_approver_is_rejected_even_their_own(
    scene: Scene, who: Principal
) -> None:
    await scene.forge.close(WHERE, scene.number, "not before Easter", who)
    event = await scene.only()
    assert isinstance(event, PromotionRejected)
    assert (event.by, event.reason, event.head.actor) == (who, "not before Easter", who)


@pytest.mark.parametrize("who", [UNKNOWN, claimed("ana"), Principal("eve", "authenticated")])
async def test_closed_by_anybody_else_is_withdrawn(scene: Scene, who: Principal) -> None:
    await scene.forge.close(WHERE, scene.number, "because", who)
    event = await scene.only()
    assert isinstance(event, PromotionWithdrawn)
    assert event.reason == f"closed by {who}, who is no approver: because"


async def test_closed_by_us_says_why(scene: Scene) -> None:
    await scene.propose("p-2")
    await scene.forge.close(WHERE, 1, superseded_by("fraud v8"), SLUICE)
    await scene.forge.close(WHERE, 2, withdrawn_because("the version was deleted"), SLUICE)
    await scene.propose("p-3")
    await scene.forge.close(WHERE, 3, expired_because("nobody decided"), SLUICE)
    first, second, third = await scene.said()
    assert isinstance(third, PromotionExpired)
    assert third.reason == "nobody decided"
    assert isinstance(first, PromotionSuperseded)
    assert first.reason == "fraud v8"
    assert isinstance(second, PromotionWithdrawn)
    assert second.reason == "the version was deleted"


async def test_a_void_proposal_is_never_judged(scene: Scene) -> None:
    await scene.forge.delete_branch(WHERE, "p-1", scene.head)
    assert await scene.said() == []


async def test_a_branch_deleted_by_a_person_withdraws(scene: Scene) -> None:
    scene.forge.person_moves(WHERE, "p-1", None)
    event = await scene.only()
    assert isinstance(event, PromotionWithdrawn)
    assert "the branch p-1 was deleted" in event.reason


async def test_a_moved_head_voids_each_stale_approval_once(scene: Scene) -> None:
    bo = Principal("bo", "authenticated")
    scene.approve()
    scene.approve(bo)
    head = scene.forge.person_pushes(WHERE, "p-1", {"x": b"y"}, "Eve E")
    scene.approve(bo, head)
    pushed, first, second = await scene.said()
    assert isinstance(pushed, PromotionUpdated)
    assert isinstance(first, ApprovalVoided)
    assert isinstance(second, ApprovalVoided)
    assert {first.by, second.by} == {ANA, bo}
    assert head not in {first.head_sha, second.head_sha}, "what was said of the new head stays"
    assert head[:12] in first.reason


async def test_one_forge_down_does_not_stop_another(scene: Scene) -> None:
    other = MemoryForge("other")
    other.down = True
    scene.others = {"other": other}
    for name in ("other", "gone"):
        slot = replace(scene.promotion.slot, forge=name)
        scene.ledger.promotions.insert(0, replace(scene.promotion, id=f"at-{name}", slot=slot))
    await scene.forge.close(WHERE, 1, "no", ANA)
    found = await scene.source().look()
    assert found == {
        "forge other": "forge other: down",
        "forge gone": "forge gone: not configured any more: add it under forges:",
        "forge acme": "",
    }
    assert [type(event) for event in scene.ledger.events.values()] == [PromotionRejected]


async def test_one_unreadable_proposal_does_not_hide_the_next(scene: Scene) -> None:
    assert scene.promotion.proposal
    lost = replace(scene.promotion.proposal, number=99)
    scene.ledger.promotions.insert(0, replace(scene.promotion, id="lost", proposal=lost))
    await scene.forge.close(WHERE, 1, "no", ANA)
    assert "promotion lost cannot be judged" in (await scene.source().look())["forge acme"]
    assert [type(event) for event in scene.ledger.events.values()] == [PromotionRejected]


async def test_a_push_is_told_and_the_promotion_follows_its_branch(scene: Scene) -> None:
    ours = scene.head
    theirs = scene.forge.person_pushes(WHERE, "p-1", {"x": b"y"}, "Eve E")
    event = await scene.only()
    assert isinstance(event, PromotionUpdated)
    assert (event.proposal.head_sha, event.committers) == (theirs, (claimed("Eve E"),))
    assert event.reason == (
        f"its head moved from {ours[:12]} to {theirs[:12]}; commits by Eve E (claimed)"
    )
    assert event.head.actor == UNKNOWN, "git does not say who pushed"
    assert (scene.head, scene.promotion.committers) == (theirs, (claimed("Eve E"),))


async def test_a_head_that_comes_back_is_news_every_time(scene: Scene) -> None:
    ours = scene.head
    theirs = scene.forge.person_pushes(WHERE, "p-1", {"x": b"y"}, "Eve E")
    for number, sha in enumerate((theirs, ours, theirs, ours), 1):
        scene.forge.person_moves(WHERE, "p-1", sha)
        said = await scene.said()
        assert len(said) == number
        assert scene.head == sha
    assert scene.promotion.committers == ()


async def test_commits_that_were_there_when_it_was_told_are_told_too(scene: Scene) -> None:
    scene.forge.person_pushes(WHERE, "p-1", {"x": b"y"}, "Eve E")
    now = await scene.forge.get(WHERE, scene.number)
    scene.ledger.promotions[0] = replace(scene.promotion, proposal=now.ref)
    event = await scene.only()
    assert isinstance(event, PromotionUpdated)
    assert event.reason == "its committers changed; commits by Eve E (claimed)"
    assert scene.promotion.committers == (claimed("Eve E"),)


async def test_a_second_yes_to_a_head_is_voided_again(scene: Scene) -> None:
    ours = scene.head
    theirs = scene.forge.person_pushes(WHERE, "p-1", {"x": b"y"}, "Eve E")
    for turn in range(2):
        scene.forge.person_moves(WHERE, "p-1", ours)
        await scene.source().look()
        scene.approve(at=AT + timedelta(minutes=turn))
        scene.forge.person_moves(WHERE, "p-1", theirs)
        await scene.source().look()
        assert scene.promotion.approvals == ()
    voided = [one for one in scene.ledger.events.values() if isinstance(one, ApprovalVoided)]
    assert [(one.by, one.head_sha) for one in voided] == [(ANA, ours), (ANA, ours)]


@pytest.mark.parametrize(
    ("verdict", "word"),
    [("failed", "its newest evaluation failed"), (None, "its gates have not all answered")],
)
@pytest.mark.parametrize("automatic", [True, False])
async def test_merged_without_the_gates_is_bypassed(
    scene: Scene,
    verdict: Verdict | None,
    word: str,
    automatic: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    scene.ledger.before.clear()
    scene.judged(verdict)
    if automatic:
        scene.policies = policies(TARGET.model_copy(update={"approval": "automatic"}))
    else:
        scene.approve()
    await scene.forge.merge(WHERE, scene.number, scene.head, SLUICE)
    event = await scene.only()
    assert isinstance(event, PromotionBypassed)
    assert event.unmet == (word,)


@pytest.mark.parametrize("what", ["failed", "pending", "deleted", "gone"])
async def test_what_comes_after_the_merge_does_not_undo_it(scene: Scene, what: str) -> None:
    scene.approve()
    await scene.forge.merge(WHERE, scene.number, scene.head, ANA)
    assert scene.ledger.record
    if what == "gone":
        scene.ledger.record = None
    elif what == "deleted":
        scene.ledger.record = replace(scene.ledger.record, deleted=True)
    else:
        scene.judged("failed" if what == "failed" else None, AT + timedelta(minutes=1))
    assert isinstance(await scene.only(), PromotionApproved)


async def test_a_failure_before_the_merge_counts_whatever_passed_earlier(scene: Scene) -> None:
    scene.ledger.before.clear()
    scene.judged("passed", AT - timedelta(hours=2))
    scene.judged("failed", AT - timedelta(hours=1))
    scene.approve()
    await scene.forge.merge(WHERE, scene.number, scene.head, ANA)
    event = await scene.only()
    assert isinstance(event, PromotionBypassed)
    assert event.unmet == ("its newest evaluation failed",)


async def test_a_way_back_is_approved_without_gates(scene: Scene) -> None:
    scene.ledger.record = None
    scene.ledger.before.clear()
    scene.ledger.promotions[0] = replace(scene.promotion, restores=True)
    scene.approve()
    await scene.forge.merge(WHERE, scene.number, scene.head, ANA)
    assert isinstance(await scene.only(), PromotionApproved)


async def test_automatic_never_approves_what_somebody_pushed(scene: Scene) -> None:
    scene.policies = policies(TARGET.model_copy(update={"approval": "automatic"}))
    scene.ledger.promotions[0] = replace(scene.promotion, opened_head=scene.head)
    scene.forge.person_pushes(WHERE, "p-1", {"x": b"y"}, "Eve E")
    await scene.source().look()
    scene.forge.person_merges(WHERE, "p-1", "Eve E")
    pushed, event = await scene.said()
    assert isinstance(pushed, PromotionUpdated)
    assert isinstance(event, PromotionBypassed)
    assert "the head moved to" in event.unmet[0]


async def test_somebody_else_s_words_never_make_it_expired_or_superseded(scene: Scene) -> None:
    await scene.forge.close(WHERE, scene.number, expired_because("so there"), UNKNOWN)
    assert isinstance(await scene.only(), PromotionWithdrawn)


async def test_a_merge_that_comes_before_our_close_wins(scene: Scene) -> None:
    scene.approve()
    await scene.forge.merge(WHERE, scene.number, scene.head, ANA)
    await scene.forge.close(WHERE, scene.number, expired_because("nobody decided"), SLUICE)
    assert isinstance(await scene.only(), PromotionApproved)


@pytest.mark.parametrize("approved", [True, False])
async def test_a_merge_says_by_when_it_should_serve(scene: Scene, approved: bool) -> None:  # noqa: FBT001
    rollout = RolloutRule(deadline=timedelta(minutes=7))
    scene.policies = policies(TARGET.model_copy(update={"rollout": rollout}))
    if approved:
        scene.approve()
    await scene.forge.merge(WHERE, scene.number, scene.head, ANA)
    event = await scene.only()
    assert isinstance(event, PromotionApproved if approved else PromotionBypassed)
    assert event.rollout_due == AT + timedelta(minutes=7)


@pytest.mark.parametrize(
    ("since", "who", "bypassed"),
    [
        (-60.0, ANA, True),
        (-60.0, SLUICE, False),  # our own merge looked right before
        (0.5, ANA, False),  # within the second that a merge is told in
        (60.0, ANA, False),
    ],
)
async def test_a_person_who_merges_against_a_hold_bypasses(
    scene: Scene,
    since: float,
    who: Principal,
    bypassed: bool,  # noqa: FBT001
) -> None:
    head = TargetHeld.heading(About("main", "default", "fraud"), "1", actor=ANA)
    held = TargetHeld(head=head, target="production", reason="freeze")
    at = AT + timedelta(seconds=since)
    scene.ledger.before.append(Recorded(held, at, at, None, None))
    scene.approve()
    await scene.forge.merge(WHERE, scene.number, scene.head, who)
    event = await scene.only()
    assert isinstance(event, PromotionBypassed) == bypassed
    if isinstance(event, PromotionBypassed):
        assert event.unmet == ("held by ana since 2026-03-01 11:59 UTC: freeze",)
