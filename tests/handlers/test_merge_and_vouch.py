"""The status says what is missing; the merge waits for it, at exactly the head it held for."""

from collections.abc import Sequence

import pytest

from processor import events as e
from processor.values.principal import SLUICE, UNKNOWN, Principal, claimed
from processor.values.version import Version
from tests.handlers.world import ANA, BEN, EVE, FILE, MANIFEST, WHERE, World, a_target
from tests.make import a_policy

AGAINST = [{"metric": "accuracy", "better": "higher", "against": "serving"}]


async def proposed(
    world: World, by: Principal = SLUICE, trainer: str = "tina"
) -> tuple[Version, e.PromotionProposed]:
    version, _ = await world.registered()
    await world.judged(version, trainer=trainer)
    return version, await world.proposed(version, by=by)


async def say(world: World, event: e.Event) -> tuple[str, str]:
    """Let both look at an event; return the status' state and words."""
    for name in ("vouch", "merge"):
        assert await world.ask(name, event) == []
    [found] = await world.forge.find(WHERE, event.promotion_id)  # type: ignore[attr-defined]
    status = await world.status(found.head_sha)
    assert status.context == "sluice/promotion"
    return status.state, status.description


def merges(world: World) -> Sequence[str]:
    return [one for one in world.our_writes if one.startswith("merge")]


async def test_it_waits_for_an_approval_and_then_merges_that_head(world: World) -> None:
    _, event = await proposed(world)
    state, words = await say(world, event)
    assert (state, words) == ("pending", "1 approval missing; can be given by ana, ben")
    assert merges(world) == []
    yes = await world.approval(event, ANA)
    assert await say(world, yes) == ("success", "every condition holds")
    pull = await world.pull(event)
    assert (pull.state, pull.head_sha) == ("merged", event.proposal.head_sha)
    assert await world.main() == MANIFEST.replace(b"models/none", b"models/run-1/model")
    assert await world.ask("merge", yes) == []
    assert merges(world) == ["merge #1"], "once"


@pytest.mark.parametrize(
    ("by", "trainer", "role"), [(ANA, "tina", "requester"), (SLUICE, "ana-ml", "trainer")]
)
async def test_a_party_s_own_yes_merges_nothing_and_another_s_does(
    world: World, by: Principal, trainer: str, role: str
) -> None:
    _, event = await proposed(world, by, trainer)
    assert await say(world, await world.approval(event, ANA)) == (
        "pending",
        "1 approval missing; can be given by ben",
    ), role
    assert merges(world) == []
    await say(world, await world.approval(event, BEN))
    assert merges(world) == ["merge #1"]


@pytest.mark.parametrize("who", [EVE, claimed("ana"), UNKNOWN, Principal("ben", "unknown")])
async def test_a_strangers_or_a_claimed_yes_merges_nothing(world: World, who: Principal) -> None:
    _, event = await proposed(world)
    state, _ = await say(world, await world.approval(event, who))
    assert (state, merges(world)) == ("pending", [])


async def test_a_moved_head_needs_a_new_yes_and_not_its_committers(world: World) -> None:
    _, event = await proposed(world)
    yes = await world.approval(event, ANA)
    new = world.forge.person_pushes(WHERE, event.proposal.branch, {"README.md": b"x\n"}, "Ben B")
    assert await say(world, yes) == ("pending", "1 approval missing; can be given by ana")
    assert await world.forge.statuses(WHERE, event.proposal.head_sha) == []
    state, _ = await say(world, await world.approval(event, BEN, new))
    assert (state, merges(world)) == ("pending", [])
    await say(world, await world.approval(event, ANA, new))
    assert merges(world) == ["merge #1"]
    assert await world.main("README.md") == b"x\n"


async def test_a_person_merges_where_the_policy_says_so(world: World) -> None:
    rule = {"people": ["ana", "ben"], "merge": "person"}
    world.rule(a_policy(targets=[a_target("production", approval=rule)]))
    _, event = await proposed(world)
    state, _ = await say(world, await world.approval(event, ANA))
    assert (state, merges(world)) == ("success", [])


async def test_automatic_merges_when_the_gates_passed_and_only_then(world: World) -> None:
    world.rule(a_policy(targets=[a_target("production", approval="automatic")]))
    version, _ = await world.registered()
    await world.judged(version, "inconclusive")
    event = await world.proposed(version)
    assert await say(world, event) == ("pending", "its newest evaluation inconclusive")
    assert merges(world) == []
    passed = await world.judged(version)
    for name in ("vouch", "merge"):
        await world.ask(name, passed)
    assert merges(world) == ["merge #1"]


async def test_automatic_never_merges_what_somebody_pushed_on_top(world: World) -> None:
    world.rule(a_policy(targets=[a_target("production", approval="automatic")]))
    _, event = await proposed(world)
    evil = MANIFEST.replace(b"models/none", b"evil/model")
    world.forge.person_pushes(WHERE, event.proposal.branch, {FILE: evil}, "Eve")
    state, words = await say(world, event)
    assert state == "pending"
    assert "the head moved to" in words
    assert merges(world) == []
    assert await world.main() == MANIFEST


async def test_another_version_serving_meanwhile_asks_for_a_new_look_before_the_merge(
    world: World,
) -> None:
    first, _ = await world.registered(run="run-1")
    _, event = await proposed(world)
    yes = await world.approval(event, ANA)
    changed = await world.serves(first)
    for name in ("vouch", "merge"):
        await world.ask(name, changed)
    state, words = await say(world, yes)
    assert state == "pending"
    assert words == "it was compared with nothing, but v1 serves now: judged again soon"
    again = await world.judged(event.version, champion=first)
    await world.ask("merge", again)
    assert merges(world) == ["merge #1"]


async def test_what_serves_elsewhere_than_the_gates_look_is_no_reason_to_wait(
    world: World,
) -> None:
    world.rule(a_policy(gates=AGAINST, targets=[a_target("staging"), a_target("production")]))
    world.forge.person_pushes(WHERE, "main", {"apps/staging/fraud.yaml": MANIFEST}, "Ben B")
    old, _ = await world.registered(run="run-1", accuracy="0.90")
    middle, _ = await world.registered(run="run-2", accuracy="0.91")
    await world.serves(old, "production")
    await world.serves(middle, "staging")
    version, seen = await world.registered(run="run-3", accuracy="0.92")
    passed, request = await world.react("evaluate", seen)
    assert isinstance(passed, e.EvaluationPassed)
    assert passed.comparison.champion == old, "gates compare with the default target"
    assert isinstance(request, e.PromotionRequested)
    [event] = await world.react("propose", request)
    assert isinstance(event, e.PromotionProposed)
    assert (event.version, event.target) == (version, "staging")
    state, _ = await say(world, await world.approval(event, ANA))
    assert (state, merges(world)) == ("success", ["merge #1"])


async def test_a_proposal_that_ended_gets_no_word_and_no_merge(world: World) -> None:
    _, event = await proposed(world)
    yes = await world.approval(event, ANA)
    await world.forge.close(WHERE, 1, "not now", ANA)
    before = world.our_writes
    for name in ("vouch", "merge"):
        assert await world.ask(name, yes) == []
    assert world.our_writes == before
    await world.of(e.PromotionRejected, event, by=ANA, reason="not now")
    for name in ("vouch", "merge"):
        assert await world.ask(name, yes) == []
    assert world.our_writes == before


async def test_a_way_back_needs_one_yes_and_no_gate(world: World) -> None:
    rule = {"people": ["ana", "ben"], "count": 2, "merge": "sluice"}
    world.rule(a_policy(targets=[a_target("production", approval=rule)]))
    version, _ = await world.registered()
    await world.judged(version, "failed")
    event = await world.proposed(version, restores=True)
    assert await say(world, event) == ("pending", "1 approval missing; can be given by ana, ben")
    await say(world, await world.approval(event, BEN))
    assert merges(world) == ["merge #1"]


async def test_a_voided_approval_is_said_at_once(world: World) -> None:
    rule = {"people": ["ana", "ben"], "merge": "person"}
    world.rule(a_policy(targets=[a_target("production", approval=rule)]))
    _, event = await proposed(world)
    assert (await say(world, await world.approval(event, ANA)))[0] == "success"
    void = await world.of(
        e.ApprovalVoided,
        event,
        slot=event.slot,
        by=ANA,
        head_sha=event.proposal.head_sha,
        reason="the head moved",
    )
    assert await world.ask("vouch", void) == []
    assert (await world.status(event.proposal.head_sha)).state == "pending"
