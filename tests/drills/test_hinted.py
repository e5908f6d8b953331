"""What a hook names is read at once and nothing else is; what it says is never believed."""

from datetime import timedelta
from pathlib import Path

from processor.values.wakeup import REGISTRY, Hinted
from tests.drills.virtual import Bench
from tests.simulation.loop import virtually

_SCANS = {"versions", "page", "models", "recent_models", "tagged"}


async def hint(bench: Bench, subject: Hinted, delivery: str, *, wake: bool = True) -> None:
    """Be the door: store what a hook names, and wake who reads it."""
    wakeups = bench.program.site.wakeups
    assert await wakeups.put(REGISTRY, subject, delivery, bench.clock.now())
    if wake:
        bench.program.site.wakers.named()


async def seen(bench: Bench, model: str) -> int:
    """Return how many versions of a model have been told of."""
    found = await bench.select(
        "SELECT count(*) FROM event WHERE type LIKE 'sluice.model_version.registered%' "
        f"AND model_key = 'main/default/{model}'"
    )
    return int(found[0][0])


def slow(bench: Bench) -> None:
    """Let no look come by itself for an hour, so that only hints can be quick."""
    hour = timedelta(hours=1)
    settings = bench.loaded.settings
    poll = settings.poll.model_copy(update={"changes": hour, "models": hour, "reconcile": hour})
    settings = settings.model_copy(update={"poll": poll})
    object.__setattr__(bench.loaded, "settings", settings)


def test_a_hint_is_read_at_once_and_alone(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path, ("m0",))
        slow(bench)
        await bench.start()
        await bench.clock.sleep(30)
        bench.wires["registry"].calls.clear()
        bench.registry.register("default", "m0", "run-1")
        await bench.clock.sleep(30)
        assert await seen(bench, "m0") == 0, "nobody said anything"
        await hint(bench, Hinted("m0", "1"), "d1")
        await bench.clock.sleep(0.1)
        assert await seen(bench, "m0") == 1
        calls = bench.wires["registry"].calls
        assert not _SCANS & set(calls), calls
        assert await bench.program.site.wakeups.waiting(REGISTRY) == []
        await bench.stop()

    virtually(story())


def test_a_hint_about_nothing_tells_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path, ("m0",))
        slow(bench)
        await bench.start()
        await bench.clock.sleep(30)
        for number, subject in enumerate((Hinted("m0", "99"), Hinted("nobody"), Hinted("m0"))):
            await hint(bench, subject, f"d{number}")
        await bench.clock.sleep(5)
        assert await seen(bench, "m0") == 0
        events = await bench.select("SELECT type FROM event")
        assert events == [], "a hook is no fact"
        assert await bench.program.site.wakeups.waiting(REGISTRY) == []
        await bench.stop()

    virtually(story())


def test_what_waited_when_the_process_ended_is_read_by_the_next(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path, ("m0",))
        slow(bench)
        await bench.start()
        await bench.clock.sleep(30)
        bench.registry.register("default", "m0", "run-1")
        await hint(bench, Hinted("m0", "1"), "d1", wake=False)
        await bench.stop()
        await bench.start()
        await bench.clock.sleep(1)
        assert await seen(bench, "m0") == 1
        assert await bench.program.site.wakeups.waiting(REGISTRY) == []
        await bench.stop()

    virtually(story())


def test_while_the_registry_is_down_hints_wait_and_more_than_one_look_takes_are_all_read(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        bench = Bench(tmp_path, ("m0",))
        slow(bench)
        await bench.start()
        await bench.clock.sleep(30)
        bench.registry.down = True
        for number in range(450):
            bench.registry.register("default", "m0", f"run-{number}")
            await hint(bench, Hinted("m0", str(number + 1)), f"d{number}")
        await bench.clock.sleep(60)
        assert await seen(bench, "m0") == 0
        assert len(await bench.program.site.wakeups.waiting(REGISTRY)) > 0
        bench.registry.down = False
        await bench.clock.sleep(60)
        assert await seen(bench, "m0") == 450
        assert await bench.program.site.wakeups.waiting(REGISTRY) == []
        await bench.stop()

    virtually(story())
