"""A pipeline says it has finished: its version exists once, or is waited for."""

import pytest

from processor import events as e
from processor.errors import NotYet, Retryable, Suppressed, Terminal, Unavailable
from processor.values.about import About
from processor.values.principal import claimed
from tests.handlers.world import World

ABOUT = About("main", "default", "fraud")


def finished(run: str = "run-1", registration: str = "please", said: str = "1") -> e.Event:
    kind = e.TrainingCompleted
    return kind.model_validate(
        {
            "head": kind.heading(ABOUT, said, actor=claimed("/pipelines/nightly")),
            "run_id": run,
            "model": "fraud",
            "registration": registration,
        }
    )


async def test_please_registers_once_per_run_and_model(world: World) -> None:
    world.registry.finish_run("default", "run-1")
    assert await world.react("register", finished()) == []
    assert await world.react("register", finished()) == []
    assert await world.react("register", finished(said="the pipeline says it again")) == []
    [row] = await world.registry.versions("default", 0)
    assert (row.version.model, row.version.number, row.run_id) == ("fraud", "1", "run-1")
    world.registry.finish_run("default", "run-2")
    await world.react("register", finished("run-2", said="2"))
    assert len(await world.registry.versions("default", 0)) == 2


async def test_an_answer_that_got_lost_makes_no_second_version(world: World) -> None:
    world.registry.finish_run("default", "run-1")
    world.registry.lose_answer = True
    with pytest.raises(Unavailable):
        await world.react("register", finished())
    with pytest.raises(Retryable, match="an earlier request got no answer"):
        await world.react("register", finished())
    await world.clock.jump(31)
    assert await world.react("register", finished()) == []
    assert len(await world.registry.versions("default", 0)) == 1


async def test_done_waits_until_the_version_is_seen(world: World) -> None:
    event = finished(registration="done")
    with pytest.raises(NotYet, match=r"no version of run 'run-1' has appeared in 'fraud'") as early:
        await world.react("register", event)
    assert early.value.product == "registry", "only its source sees the version"
    await world.registered(run="run-0")
    with pytest.raises(NotYet):
        await world.react("register", event)
    await world.registered(run="run-1")
    assert await world.react("register", event) == []
    assert world.our_marks == [], "the pipeline registered it"


async def test_an_unknown_run_is_given_up_with_the_fix(world: World) -> None:
    with pytest.raises(Terminal, match="another server's run id"):
        await world.react("register", finished("nobody-knows"))
    assert await world.registry.versions("default", 0) == []


async def test_observe_registers_nothing(world: World) -> None:
    world.mode = "observe"
    world.registry.finish_run("default", "run-1")
    with pytest.raises(Suppressed):
        await world.react("register", finished())
    assert await world.registry.versions("default", 0) == []
    assert (await world.ledger.counts.summary()).effects == {"suppressed": 1}


async def test_please_waits_for_the_end_of_the_run_and_makes_no_second_of_what_is_there(
    world: World,
) -> None:
    world.registry.start_run("default", "run-1")
    with pytest.raises(NotYet, match=r"run 'run-1' is RUNNING: until it ends its pipeline may"):
        await world.react("register", finished())
    world.registry.register("default", "fraud", "run-1")
    world.registry.finish_run("default", "run-1")
    assert await world.react("register", finished()) == []
    [row] = await world.registry.versions("default", 0)
    assert row.version.number == "1"
    assert world.our_marks == []
    assert (await world.ledger.counts.summary()).effects == {}, "nothing was written"
    world.registry.register("default", "churn", "run-2")
    world.registry.finish_run("default", "run-2")
    await world.react("register", finished("run-2", said="2"))
    assert len(await world.registry.versions("default", 0)) == 3, "another model is another version"


async def test_what_we_made_ourselves_is_looked_up_and_not_taken_for_a_pipelines(
    world: World,
) -> None:
    world.registry.finish_run("default", "run-1")
    world.registry.lose_answer = True
    with pytest.raises(Unavailable):
        await world.react("register", finished())
    await world.clock.jump(31)
    await world.react("register", finished(said="again, under another id"))
    assert (await world.ledger.counts.summary()).effects == {"done": 1}
    assert len(await world.registry.versions("default", 0)) == 1
