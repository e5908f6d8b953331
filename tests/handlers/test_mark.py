"""The registry is told what differs, once, and never over a person's own word."""

import pytest

from processor import events as e
from processor.errors import NotYet, Unavailable
from processor.values.about import About
from processor.values.principal import SLUICE, UNKNOWN, Principal
from processor.values.version import Version
from tests.handlers.world import World


async def stage_of(world: World, version: Version) -> str:
    seen = await world.registry.version("default", version.model, version.number)
    assert seen is not None
    return seen.stage


async def aliases(world: World) -> dict[str, str]:
    [model] = await world.registry.models("default")
    return dict(model.aliases)


async def moved(
    world: World, version: Version, old: str, new: str, by: Principal = UNKNOWN
) -> None:
    """Let somebody move a version, and the registry source tell it."""
    world.registry.put_stage("default", version.model, version.number, new)
    kind = e.VersionStageChanged
    head = world.head(kind, About.of(version), by)
    await world.tell(kind(head=head, version=version, old=old, new=new))


async def test_it_writes_only_what_differs(world: World) -> None:
    version, _ = await world.registered()
    passed = await world.judged(version)
    said = await world.react("mark", passed)
    assert world.our_marks == [("stage", "Staging"), ("alias:challenger", "1")]
    told = [(one.mark, one.value, one.previous) for one in said if isinstance(one, e.VersionMarked)]
    assert told == [("stage", "Staging", "None"), ("alias:challenger", "1", "")]
    assert all(one.head.cause == passed.head.id for one in said)
    again = await world.judged(version)
    assert await world.react("mark", again) == []
    assert len(world.our_marks) == 2


async def test_from_passed_to_serving_to_archived(world: World) -> None:
    first, _ = await world.registered(run="run-1")
    await world.react("mark", await world.judged(first))
    one = await world.proposed(first)
    await world.react("mark", await world.merged(one))
    assert await stage_of(world, first) == "Production"
    assert "champion" not in await aliases(world), "merged is not serving"
    await world.react("mark", await world.serves(first))
    assert (await aliases(world))["champion"] == "1"
    more = {"slot": one.slot, "uri": one.uri, "endpoint": "http://x", "prediction": "[1]"}
    await world.of(e.RolloutSucceeded, one, **more)

    second, _ = await world.registered(run="run-2")
    await world.react("mark", await world.judged(second))
    assert await stage_of(world, second) == "Staging"
    two = await world.proposed(second)
    await world.react("mark", await world.merged(two))
    assert (await stage_of(world, first), await stage_of(world, second)) == (
        "Production",
        "Production",
    ), "the old one serves still"
    await world.of(e.RolloutSuperseded, one, slot=one.slot, uri=one.uri)
    await world.react("mark", await world.serves(second))
    assert (await stage_of(world, first), await stage_of(world, second)) == (
        "Archived",
        "Production",
    )
    assert await aliases(world) == {"challenger": "2", "champion": "2"}


async def test_a_person_s_stage_is_left_alone_until_we_want_another(world: World) -> None:
    version, _ = await world.registered()
    await world.react("mark", await world.judged(version))
    await moved(world, version, "Staging", "None")
    assert await world.react("mark", await world.judged(version)) == []
    assert await stage_of(world, version) == "None"
    await world.react("mark", await world.merged(await world.proposed(version)))
    assert await stage_of(world, version) == "Production"


async def test_an_interrupted_turn_says_what_it_wrote(world: World) -> None:
    version, _ = await world.registered()
    passed = await world.judged(version)
    said = await world.ask("mark", passed)
    assert await world.ask("mark", passed) == said
    assert len(world.our_marks) == 2, "and writes nothing twice"


async def test_our_late_word_hides_nothing_that_a_stranger_wrote_meanwhile(world: World) -> None:
    version, _ = await world.registered()
    passed = await world.judged(version)
    await world.ask("mark", passed)  # it is written, and the turn is cut off
    await moved(world, version, "Staging", "Production")
    await world.react("mark", passed)
    record = await world.record(version)
    assert record.stage == await stage_of(world, version) == "Production"
    assert record.authors.foreign == {"stage": "Staging"}
    assert world.our_marks.count(("stage", "Staging")) == 1


async def test_a_version_deleted_a_moment_ago_is_nobody_s_failure(world: World) -> None:
    version, _ = await world.registered()
    passed = await world.judged(version)
    world.registry.delete_version("default", version.model, version.number)
    with pytest.raises(NotYet, match="not in the registry any more"):
        await world.ask("mark", passed)
    kind = e.VersionDeleted
    await world.tell(kind(head=world.head(kind, About.of(version), UNKNOWN), version=version))
    assert await world.ask("mark", passed) == []


async def test_a_lost_answer_is_written_again(world: World) -> None:
    version, _ = await world.registered()
    passed = await world.judged(version)
    world.registry.lose_answer = True
    with pytest.raises(Unavailable):
        await world.react("mark", passed)
    said = await world.react("mark", passed)
    assert [one.kind for one in said] == ["model_version.marked"] * 2
    assert await stage_of(world, version) == "Staging"


async def drifted(world: World, version: Version, *, ours: bool) -> e.DriftFound:
    """Let the registry say Staging although we asked for Production, and the source tell it."""
    await moved(world, version, "Production", "Staging", by=SLUICE if ours else UNKNOWN)
    kind = e.DriftFound
    event = kind(
        head=world.head(kind, About.of(version)),
        version=version,
        field="stage",
        expected="Production",
        actual="Staging",
        ours=ours,
    )
    await world.tell(event)
    return event


async def test_a_late_request_of_ours_is_put_right(world: World) -> None:
    version, _ = await world.registered()
    await world.react("mark", await world.judged(version))
    await world.react("mark", await world.merged(await world.proposed(version)))
    [said] = await world.react("mark", await drifted(world, version, ours=True))
    assert isinstance(said, e.VersionMarked)
    assert (said.value, said.previous) == ("Production", "Staging")
    assert await stage_of(world, version) == "Production"


async def test_a_person_s_word_stays_whoever_wakes_us(world: World) -> None:
    version, _ = await world.registered()
    await world.react("mark", await world.judged(version))
    await world.react("mark", await world.merged(await world.proposed(version)))
    await moved(world, version, "Production", "Staging")
    assert dict((await world.record(version)).authors.foreign) == {"stage": "Production"}
    assert await world.react("mark", await world.serves(version)) != []
    assert await stage_of(world, version) == "Staging"
    assert (await aliases(world))["champion"] == "1", "the other mark is written"


async def test_a_deleted_version_and_a_model_without_policy_get_nothing(world: World) -> None:
    version, _ = await world.registered()
    passed = await world.judged(version)
    await world.deleted(version)
    assert await world.react("mark", passed) == []
    other, _ = await world.registered(model="unruled", run="run-9")
    assert await world.react("mark", await world.judged(other)) == []
    assert world.our_marks == []
