"""A person's hand in the registry: what it asks for, and what it may never do."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from processor import events as e
from processor.handlers.heed import Heed
from processor.policy.policy import Policies
from processor.routes import routes
from processor.values.about import About
from processor.values.principal import SLUICE, UNKNOWN, Principal
from processor.values.record import ASKING_TAG
from processor.values.version import Version
from tests.handlers.world import World
from tests.make import a_policy


async def moved(
    world: World, version: Version, new: str, old: str = "Staging", by: Principal = UNKNOWN
) -> e.VersionStageChanged:
    world.registry.put_stage("default", version.model, version.number, new)
    kind = e.VersionStageChanged
    event = kind(head=world.head(kind, About.of(version), by), version=version, old=old, new=new)
    await world.tell(event)
    return event


async def judged_today(world: World, version: Version, verdict: str = "passed") -> e.Judged:
    """Judge it under the policy as it is."""
    event = await world.judged(version, verdict)  # type: ignore[arg-type]
    policy = world.policies.ruling("default", version.model)
    assert policy is not None
    again = event.model_copy(
        update={"head": world.head(type(event), About.of(version)), "policy_digest": policy.digest}
    )
    await world.tell(again)
    return again


def kinds(said: Sequence[e.Event]) -> list[str]:
    return [one.kind for one in said]


async def test_a_passer_moved_to_production_is_asked_for_by_nobody_knows_whom(
    world: World,
) -> None:
    version, _ = await world.registered()
    await judged_today(world, version)
    [request] = await world.react("heed", await moved(world, version, "Production"))
    assert isinstance(request, e.PromotionRequested)
    assert (request.target, request.head.actor) == ("production", UNKNOWN)
    said = await world.react("propose", request)
    assert "promotion.proposed" in kinds(said), "and goes the way of every other"
    assert (await world.promotion(request)).requested_by == UNKNOWN


@pytest.mark.parametrize("why", ["failed", "never judged", "another policy", "rejected before"])
async def test_anything_else_moved_to_production_is_drift_and_no_request(
    world: World, why: str
) -> None:
    version, _ = await world.registered()
    if why == "failed":
        await judged_today(world, version, "failed")
    elif why == "another policy":
        await judged_today(world, version)
        world.policies = Policies((a_policy(owner="#team-fraud"),))
    elif why == "rejected before":
        await judged_today(world, version)
        proposed = await world.proposed(version)
        ben = Principal("ben", "authenticated")
        await world.of(e.PromotionRejected, proposed, by=ben, reason="no")
    [drift] = await world.react("heed", await moved(world, version, "Production"))
    assert isinstance(drift, e.DriftFound)
    assert (drift.field, drift.expected, drift.actual) == ("stage", "Staging", "Production")
    assert not drift.ours
    assert world.our_marks == []


async def test_a_version_that_is_there_or_on_its_way_is_nothing_new(world: World) -> None:
    version, _ = await world.registered()
    await judged_today(world, version)
    await world.proposed(version)
    assert await world.react("heed", await moved(world, version, "Production")) == []


async def test_a_target_that_asks_for_a_soak_before_is_not_jumped_to(world: World) -> None:
    staging = {**_target("staging"), "approval": "automatic"}
    production = {**_target("production"), "after": {"target": "staging", "soak": "1h"}}
    production["registry"] = {"on_merge": ["stage:Production"]}
    world.policies = Policies((a_policy(targets=[staging, production]),))
    version, _ = await world.registered()
    await judged_today(world, version)
    assert kinds(await world.react("heed", await moved(world, version, "Production"))) == [
        "drift.found"
    ]


def _target(name: str) -> dict[str, object]:
    return {
        "name": name,
        "slot": {"forge": "local", "repository": "acme/gitops"},
        "edits": [
            {
                "file": f"apps/{name}/{{model}}.yaml",
                "set": {"spec.predictor.model.storageUri": "{uri}"},
            }
        ],
        "cluster": "local",
        "approval": {"people": ["ana"], "merge": "sluice"},
    }


@pytest.mark.parametrize("how", ["archived", "deleted"])
async def test_what_serves_and_is_taken_away_holds_its_target_and_leaves_git_alone(
    world: World, how: str
) -> None:
    world.policies = Policies((a_policy(owner="#team-fraud"),))
    version, _ = await world.registered()
    await judged_today(world, version)
    await world.merged(await world.proposed(version))
    await world.serves(version)
    writes = world.our_writes
    event: e.Event
    if how == "archived":
        event = await moved(world, version, "Archived", "Production")
    else:
        event = await world.deleted(version)
    said = await world.react("heed", event)
    [held] = [one for one in said if isinstance(one, e.TargetHeld)]
    assert held.target == "production"
    assert "#team-fraud decides" in held.reason
    assert ("drift.found" in kinds(said)) == (how == "archived")
    assert world.our_writes == writes
    assert kinds(await world.react("heed", event)).count("target.held") == 0, "it is held already"


async def test_what_does_not_serve_may_be_archived(world: World) -> None:
    version, _ = await world.registered()
    await judged_today(world, version)
    assert await world.react("heed", await moved(world, version, "Archived", "None")) == []


async def test_the_asking_tag_asks_once_and_is_gone_when_it_was_heard(world: World) -> None:
    version, _ = await world.registered()
    await judged_today(world, version)
    world.registry.put_tag("default", version.model, version.number, ASKING_TAG, "new data")
    kind = e.VersionTagSet
    event = kind(
        head=world.head(kind, About.of(version), UNKNOWN),
        version=version,
        tag=ASKING_TAG,
        value="new data",
        previous=None,
    )
    await world.tell(event)
    [asked] = await world.react("heed", event)
    assert isinstance(asked, e.EvaluationRequested)
    assert "new data" in asked.reason
    said = await world.react("mark", asked)
    marks = [(one.mark, one.value) for one in said if isinstance(one, e.VersionMarked)]
    assert (f"tag:{ASKING_TAG}", "") in marks
    seen = await world.registry.version("default", version.model, version.number)
    assert seen is not None
    assert ASKING_TAG not in seen.tags
    assert (await world.record(version)).asks is None
    assert await world.react("mark", await judged_today(world, version)) == []


async def test_a_tag_nobody_asks_by_is_nobodys_business(world: World) -> None:
    version, _ = await world.registered()
    kind = e.VersionTagSet
    event = kind(
        head=world.head(kind, About.of(version), UNKNOWN),
        version=version,
        tag="team",
        value="risk",
        previous=None,
    )
    await world.tell(event)
    assert await world.react("heed", event) == []


async def test_a_model_no_policy_rules_is_left_alone(world: World) -> None:
    version, _ = await world.registered(model="hobby")
    assert await world.react("heed", await moved(world, version, "Production")) == []


async def test_our_own_hand_starts_nothing(world: World) -> None:
    version, _ = await world.registered()
    await judged_today(world, version)
    ours = await moved(world, version, "Production", by=SLUICE)
    theirs = await moved(world, version, "Production")
    lanes = [
        route.lane(event)
        for event in (ours, theirs)
        for route in routes(world.needs)
        if (route.name, route.kind) == ("heed", e.VersionStageChanged)
    ]
    assert lanes == [None, f"version:{version.path}"]


@pytest.mark.parametrize(("after", "told"), [(-1, 0), (1, 1)])
async def test_what_a_lost_life_may_have_written_is_nobodys_wish(
    world: World, after: int, told: int
) -> None:
    version, _ = await world.registered()
    await judged_today(world, version)
    event = await moved(world, version, "Production")
    until = world.clock.now()
    head = event.head.model_copy(update={"time": until + timedelta(seconds=after)})
    heed = Heed(views=world.ledger.views, policies=world.policies, doubtful_until=until)
    assert len(await heed(event.model_copy(update={"head": head}))) == told


async def test_a_renamed_model_has_its_open_proposal_withdrawn(world: World) -> None:
    version, _ = await world.registered()
    proposed = await world.proposed(version)
    kind = e.VersionObserved
    new = Version("main", "default", "fraud-eu", version.number, version.created_ms)
    event = kind(
        head=world.head(kind, About.of(new), UNKNOWN),
        version=new,
        run_id="run-1",
        stage="None",
        artifact="s3://models/run-1/model",
        was=version,
    )
    await world.tell(event)
    assert (await world.record(version)).deleted
    assert not (await world.record(new)).deleted
    await world.react("withdraw", event)
    assert (await world.pull(proposed)).state == "closed"
