"""What must hold before a merge, said in words."""

from dataclasses import replace
from datetime import UTC, datetime

from processor.policy.targets import Approval as Rule
from processor.rules.approval import Parties
from processor.rules.conditions import gates_missing, missing
from processor.values.evaluation import Comparison, Verdict
from processor.values.principal import SLUICE, UNKNOWN, Principal
from processor.values.promotion import Approval, Promotion
from processor.values.proposal import ProposalRef
from processor.values.record import Judgement, VersionRecord
from processor.values.serving import Serving
from processor.values.version import Version
from tests.make import SLOT, a_version

T0 = datetime(2026, 1, 1, tzinfo=UTC)
V1, V2, V3 = a_version("1"), a_version("2"), a_version("3")
HEAD = "a" * 40
PROMOTION = Promotion(
    id="p",
    version=V2,
    target="production",
    slot=SLOT,
    uri="s3://2",
    state="proposed",
    requested_by=SLUICE,
    requested_at=T0,
    changed_at=T0,
    request_id="r",
    proposal=ProposalRef(1, "u", "b", HEAD, "c" * 40),
)
NOBODY = Parties(SLUICE, UNKNOWN, UNKNOWN)


def record(verdict: Verdict | None, champion: Version | None = None) -> VersionRecord:
    judgement = Judgement("e", T0, "d", verdict, (), comparison=Comparison(champion, ()))
    return VersionRecord(V2, "run", "None", "s3://m", T0, judgement=judgement)


def serving(version: Version | None) -> Serving:
    return Serving(SLOT, V1.key, "production", "s3://x", version, True, "q", T0, T0)  # noqa: FBT003


def test_a_version_that_passed_beside_what_serves_owes_nothing() -> None:
    assert gates_missing(PROMOTION, record("passed"), None) == ()
    assert gates_missing(PROMOTION, record("passed", V1), serving(V1)) == ()
    assert gates_missing(PROMOTION, record("passed", V1), serving(V2)) == (), "it serves itself"
    assert gates_missing(PROMOTION, record("passed", V1), serving(None)) == ()


def test_what_the_gates_owe_is_said() -> None:
    assert gates_missing(PROMOTION, None, None) == ("fraud v2 is no longer in the registry",)
    gone = replace(record("passed"), deleted=True)
    assert gates_missing(PROMOTION, gone, None) == ("fraud v2 is no longer in the registry",)
    unjudged = replace(record("passed"), judgement=None)
    for one in (unjudged, record(None)):
        assert gates_missing(PROMOTION, one, None) == ("its gates have not all answered",)
    for verdict in ("failed", "inconclusive"):
        said = gates_missing(PROMOTION, record(verdict), None)
        assert said == (f"its newest evaluation {verdict}",)


def test_another_champion_than_it_was_compared_with_asks_for_a_new_look() -> None:
    [said] = gates_missing(PROMOTION, record("passed", V1), serving(V3))
    assert said == "it was compared with v1, but v3 serves now: judged again soon"
    [first] = gates_missing(PROMOTION, record("passed"), serving(V3))
    assert first == "it was compared with nothing, but v3 serves now: judged again soon"
    model_made_again = replace(V1, created_ms=V1.created_ms + 1)
    assert gates_missing(PROMOTION, record("passed", V1), serving(model_made_again)) != ()


def test_a_way_back_owes_no_gate_and_one_yes() -> None:
    back = replace(PROMOTION, restores=True)
    assert gates_missing(back, record("failed"), serving(V3)) == ()
    assert gates_missing(back, None, None) == ()
    rule = Rule(people=("ana", "ben"), count=2)
    [said] = missing(rule, back, NOBODY, HEAD, None, None)
    assert said == "1 approval missing; can be given by ana, ben"


def test_the_gates_and_the_people_must_both_have_said_yes() -> None:
    rule = Rule(people=("ana", "ben"))
    both = missing(rule, PROMOTION, NOBODY, HEAD, record("failed"), None)
    assert both == (
        "its newest evaluation failed",
        "1 approval missing; can be given by ana, ben",
    )
    yes = replace(PROMOTION, approvals=(Approval(Principal("ana", "authenticated"), HEAD, T0),))
    assert missing(rule, yes, NOBODY, HEAD, record("passed"), None) == ()
    assert len(missing(rule, yes, NOBODY, HEAD, record("failed"), None)) == 1
    assert len(missing(rule, yes, NOBODY, "b" * 40, record("passed"), None)) == 1


def test_automatic_asks_nobody_but_only_for_the_head_we_proposed() -> None:
    assert missing("automatic", PROMOTION, NOBODY, HEAD, record("passed"), None) == ()
    assert missing("automatic", PROMOTION, NOBODY, HEAD, record("failed"), None) != ()
    [said] = missing("automatic", PROMOTION, NOBODY, "b" * 40, record("passed"), None)
    assert said == f"the head moved to {'b' * 40} after it was proposed"
