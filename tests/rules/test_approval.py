"""Nobody approves their own change, whoever they say they are; and others can."""

import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from processor.policy.targets import Approval as Rule
from processor.rules.approval import Parties, counted, needed, objection, parties_of, unmet
from processor.rules.proposal_end import Ending, end_of
from processor.values.evaluation import Training
from processor.values.people import People
from processor.values.principal import SLUICE, UNKNOWN, Principal, claimed
from processor.values.promotion import Approval, Promotion
from processor.values.proposal import Proposal, ProposalRef
from processor.values.record import Judgement, VersionRecord
from tests.make import SLOT, a_version

T0 = datetime(2026, 1, 1, tzinfo=UTC)
HEAD, OLD_HEAD = "a" * 40, "b" * 40
V1 = a_version("1")
RULE = Rule(people=("ana", "ben", "cleo"))
NAMES = ("ana", "ben", "cleo", "dan")
PEOPLE = People(
    names=frozenset(NAMES),
    mlflow={f"{name}-ml": name for name in NAMES},
    git={f"{name}@acme": name for name in NAMES},
)
PROMOTION = Promotion(
    id="p",
    version=V1,
    target="production",
    slot=SLOT,
    uri="s3://1",
    state="proposed",
    requested_by=SLUICE,
    requested_at=T0,
    changed_at=T0,
    request_id="r",
    proposal=ProposalRef(1, "u", "b", HEAD, "c" * 40),
)
PROPOSAL = Proposal(
    number=1,
    url="u",
    title="t",
    body="",
    branch="b",
    base="main",
    head_sha=HEAD,
    base_sha="c" * 40,
    state="open",
    author=SLUICE,
    promotion_id="p",
    committers=(SLUICE,),
)
OTHERS = Parties(SLUICE, claimed("dan"), claimed("dan"))


def sure(name: str) -> Principal:
    return Principal(name, "authenticated")


def saying_yes(*who: Principal, head: str = HEAD) -> Promotion:
    return replace(PROMOTION, approvals=tuple(Approval(one, head, T0) for one in who))


def trained_by(name: str) -> VersionRecord:
    training = Training("run", T0, claimed(name), (), ())
    judged = Judgement("e", T0, "d", "passed", (), training=training)
    return VersionRecord(V1, "run", "None", "s3://m", T0, judgement=judged)


def test_the_yes_of_an_approver_who_is_no_party_counts_once() -> None:
    twice = saying_yes(sure("ana"), sure("ana"))
    assert counted(RULE, twice, OTHERS, HEAD) == (sure("ana"),)
    assert unmet(RULE, twice, OTHERS, HEAD) == []


@pytest.mark.parametrize(
    ("who", "said"),
    [
        (claimed("ana"), "ana (claimed) is not signed in"),
        (UNKNOWN, "unknown (unknown) is not signed in"),
        (Principal("ana", "unknown"), "ana (unknown) is not signed in"),
        (sure("eve"), "eve is not among the approvers: ana, ben, cleo"),
        (SLUICE, "sluice is not among the approvers: ana, ben, cleo"),
    ],
)
def test_a_yes_that_does_not_count_says_why(who: Principal, said: str) -> None:
    assert objection(RULE, who, OTHERS) == said
    assert counted(RULE, saying_yes(who), OTHERS, HEAD) == ()
    assert len(unmet(RULE, saying_yes(who), OTHERS, HEAD)) == 1


@pytest.mark.parametrize("doubt", ["authenticated", "claimed", "unknown"])
@pytest.mark.parametrize("role", ["requester", "trainer", "registrar", "committer"])
def test_a_party_never_counts_however_sure_we_are_who_they_are(role: str, doubt: str) -> None:
    party = Principal("ana", doubt)  # type: ignore[arg-type]
    parties = (
        replace(OTHERS, committers=(SLUICE, party))
        if role == "committer"
        else replace(OTHERS, **{role: party})  # type: ignore[arg-type]
    )
    said = objection(RULE, sure("ana"), parties)
    assert said == f"ana is the {role} of this change, and nobody approves their own"
    [left] = unmet(RULE, saying_yes(sure("ana")), parties, HEAD)
    assert left == "1 approval missing; can be given by ben, cleo"
    assert unmet(RULE, saying_yes(sure("ana"), sure("ben")), parties, HEAD) == []


def test_a_yes_to_another_head_is_no_yes_to_this_one() -> None:
    assert counted(RULE, saying_yes(sure("ana"), head=OLD_HEAD), OTHERS, HEAD) == ()
    assert len(unmet(RULE, saying_yes(sure("ana")), OTHERS, OLD_HEAD)) == 1


def test_how_many_are_needed() -> None:
    two = Rule(people=("ana", "ben", "cleo"), count=2)
    assert needed(two, OTHERS) == 2
    assert needed(two, OTHERS, restores=True) == 1
    assert needed("automatic", OTHERS) == 0
    careful = Rule(people=("ana", "ben"), unknown_author="two")
    assert needed(careful, OTHERS) == 1
    assert needed(careful, replace(OTHERS, registrar=UNKNOWN)) == 2
    assert needed(careful, replace(OTHERS, trainer=UNKNOWN)) == 2
    assert needed(careful, replace(OTHERS, trainer=UNKNOWN), restores=True) == 1
    assert needed(RULE, replace(OTHERS, trainer=UNKNOWN)) == 1


def test_when_nobody_is_left_who_can_it_says_so() -> None:
    crowd = replace(OTHERS, committers=(sure("ana"), claimed("ben"), claimed("cleo")))
    [left] = unmet(RULE, PROMOTION, crowd, HEAD)
    assert left == "1 approval missing; can be given by nobody: widen approval.people"
    two = Rule(people=("ana", "ben", "cleo"), count=2)
    [more] = unmet(two, PROMOTION, OTHERS, HEAD)
    assert more == "2 approvals missing; can be given by ana, ben, cleo"


def test_parties_are_known_by_their_names_in_people() -> None:
    pushed = replace(PROPOSAL, committers=(SLUICE, claimed("ben@acme"), claimed("stranger")))
    asked = replace(PROMOTION, requested_by=sure("cleo"))
    parties = parties_of(asked, trained_by("ana-ml"), pushed, PEOPLE)
    assert parties.trainer == claimed("ana")
    assert parties.committers == (claimed("ben"), claimed("stranger")), "our own commit is nobody's"
    assert [objection(RULE, sure(name), parties) is None for name in RULE.people] == [False] * 3
    heard = replace(asked, committers=(claimed("ben@acme"),))
    assert parties_of(heard, None, None, PEOPLE).committers == (claimed("ben"),), "as last heard"
    assert parties_of(heard, None, PROPOSAL, PEOPLE).committers == (), "the forge knows better"
    unknown = parties_of(PROMOTION, None, None, PEOPLE)
    assert (unknown.trainer, unknown.registrar, unknown.committers) == (UNKNOWN, UNKNOWN, ())


def test_automatic_holds_for_the_head_we_proposed_and_no_other() -> None:
    assert list(unmet("automatic", PROMOTION, OTHERS, HEAD)) == []
    [left] = unmet("automatic", PROMOTION, OTHERS, OLD_HEAD)
    assert left == f"the head moved to {OLD_HEAD} after it was proposed"
    pushed = replace(PROMOTION, opened_head=OLD_HEAD)
    assert len(unmet("automatic", pushed, OTHERS, HEAD)) == 1, "told or not, it is another head"
    [strange] = unmet("automatic", PROMOTION, replace(OTHERS, committers=(claimed("eve"),)), HEAD)
    assert strange.startswith("the branch holds commits by eve (claimed)")
    assert "automatically" in (objection("automatic", sure("ana"), OTHERS) or "")


SURENESS = ("authenticated", "authenticated", "authenticated", "claimed", "unknown")


def test_no_generated_history_lets_a_party_approve_its_own_change() -> None:
    """Small R10: merged, and judged as `sources/proposals` judges, on 10,000 histories."""
    dice = random.Random(20260101)
    own, met, refused, party_yes = 0, 0, 0, 0
    for _ in range(10_000):
        rule, promotion, record, proposal = history(dice)
        parties = parties_of(promotion, record, proposal, PEOPLE)
        ours = true_parties(promotion, record, proposal)
        given = {one.by for one in promotion.approvals if one.head_sha == HEAD}
        party_yes += any(one.name in ours for one in given)
        counting = counted(rule, promotion, parties, HEAD)
        own += any(one.name in ours for one in counting)
        for one in counting:
            assert one.assurance == "authenticated"
            assert one.name in rule.people
            assert one in given
        able = {
            one.name
            for one in given
            if one.assurance == "authenticated" and one.name in rule.people and one.name not in ours
        }
        short = needed(rule, parties) - len(able)
        held = not unmet(rule, promotion, parties, HEAD)
        assert held == (short <= 0)
        met += held
        refused += not held
        ending = Ending(
            promotion=promotion,
            proposal=replace(proposal, state="merged", merge_sha="d" * 40, ended_by=SLUICE),
            rule=rule,
            parties=parties,
            record=trained_by("anybody"),
            merged_uri=promotion.uri,
        )
        end = end_of(ending)
        assert end is not None
        assert (end.kind == "promotion.approved") == held
    print(f"own yes counted: {own} of {party_yes} tried; rule met: {met}, not met: {refused}")
    assert own == 0
    assert party_yes > 3000, "parties did try"
    assert met >= 3000
    assert refused >= 1000


def history(dice: random.Random) -> tuple[Rule, Promotion, VersionRecord | None, Proposal]:
    """Return who asked, trained, committed and said yes, some of them under false names."""
    rule = Rule(
        people=("ana", "ben", "cleo", "dan"),
        count=dice.choice((1, 1, 1, 2)),
        unknown_author=dice.choice(("one", "one", "two")),
    )
    requester = dice.choice((SLUICE, SLUICE, sure(dice.choice(NAMES)), a_name(dice), UNKNOWN))
    trainer = dice.choice((f"{dice.choice(NAMES)}-ml", dice.choice(NAMES), "stranger", ""))
    record = None if dice.random() < 0.1 else trained_by(trainer)
    committers = tuple(
        claimed(dice.choice((f"{dice.choice(NAMES)}@acme", dice.choice(NAMES), "bot", "sluice")))
        for _ in range(dice.choice((0, 0, 0, 1, 2)))
    )
    approvals = tuple(
        Approval(a_name(dice), dice.choice((HEAD, HEAD, HEAD, OLD_HEAD)), T0)
        for _ in range(dice.randint(1, 6))
    )
    promotion = replace(PROMOTION, requested_by=requester, approvals=approvals)
    return rule, promotion, record, replace(PROPOSAL, committers=(SLUICE, *committers))


def a_name(dice: random.Random) -> Principal:
    """Return somebody: signed in, claimed by a tag, or forged with no proof at all."""
    name = dice.choice((*NAMES, *NAMES, "eve", "sluice", "unknown"))
    return Principal(name, dice.choice(SURENESS))  # type: ignore[arg-type]


def true_parties(
    promotion: Promotion, record: VersionRecord | None, proposal: Proposal
) -> set[str]:
    """Return the names of everybody whose change it is, worked out without the rule."""
    judgement = record.judgement if record else None
    trainer = judgement.training.trainer.name if judgement and judgement.training else ""
    names = [promotion.requested_by.name, trainer, *(one.name for one in proposal.committers)]
    return {name.removesuffix("-ml").removesuffix("@acme") for name in names} & set(NAMES)
