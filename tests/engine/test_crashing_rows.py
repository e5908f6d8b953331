"""A row that ends the whole process, again and again: alone in the end, then dead, told once."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from processor.adapters.ledgers import Ledger
from processor.engine.clock import SystemClock
from processor.engine.ingest import planning
from processor.events import Event, VersionRegistered
from processor.ports.work import Room
from processor.values.work import CONDEMNED, SUSPECT
from tests.engine.rig import route, running
from tests.make import a_version, registered

ROOM = Room(free=99, most={("eats", ""): 99, ("fine", ""): 99}, taken={})


async def fine(_: VersionRegistered) -> Sequence[Event]:
    return []


async def ended(path: Path, times: int) -> None:
    """Let the process end so often while the first model's row runs, and nothing else."""
    ledger = await Ledger.open(path, "main", SystemClock())
    await ledger.log.append([registered(a_version(model=model)) for model in ("a", "b", "c")])
    await ledger.log.place(10)
    await ledger.work.dispatch(planning([route("eats", fine), route("fine", fine)]))
    turns = (await ledger.work.claim(ROOM)).turns
    mine = next(work for work, _ in turns if (work.handler, work.lane) == ("eats", "eats:a"))
    for work, _ in turns:
        if work.id != mine.id:
            await ledger.work.postpone(work, until=work.due_at, error="", tail=False, blamed=False)
    crashes = f"UPDATE work SET crashes = {times - 1} WHERE id = {mine.id}"
    await ledger.database.write(lambda connection: connection.exec_driver_sql(crashes).rowcount)
    await ledger.close()


async def test_a_suspect_runs_when_nothing_else_does_and_nothing_else_while_it_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await ended(tmp_path / "sluice.db", SUSPECT)
    now: set[str] = set()
    beside: dict[str, set[str]] = {}
    release = asyncio.Event()

    def handler(name: str, seconds: float):  # type: ignore[no-untyped-def]  # noqa: ANN202
        async def run(event: VersionRegistered) -> Sequence[Event]:
            me = f"{name}:{event.version.model}"
            beside[me] = set(now)
            now.add(me)
            if me == "eats:a":
                release.set()
            for other in now:
                beside[other] |= now - {other}
            await asyncio.sleep(seconds)
            now.discard(me)
            return []

        return run

    routes = [route("eats", handler("eats", 0.2)), route("fine", handler("fine", 0.2))]
    async with running(tmp_path, routes) as rig:
        await rig.state_is(done=6)
    with capsys.disabled():
        others = {name: sorted(found) for name, found in beside.items() if name != "eats:a"}
        print(f"\nsuspect ran beside {sorted(beside['eats:a'])}, others beside {others}")
    assert beside["eats:a"] == set()
    assert any(found for name, found in beside.items() if name != "eats:a"), "others do share"


async def test_a_condemned_row_is_dead_told_once_and_the_rest_is_done(tmp_path: Path) -> None:
    await ended(tmp_path / "sluice.db", CONDEMNED)
    called: list[str] = []

    async def eats(event: VersionRegistered) -> Sequence[Event]:
        called.append(event.version.model)
        return []

    async with running(tmp_path, [route("eats", eats), route("fine", fine)]) as rig:
        await rig.until(lambda: _is(rig, done=5, dead=1))
        [told] = await rig.died()
        [dead] = (await rig.rows("dead"))["eats"]
    assert sorted(called) == ["b", "c"], "it is not run again"
    assert told.reason == dead.error
    assert (
        f"the whole process ended {CONDEMNED} times while handler eats had this row" in dead.error
    )
    assert f"`sluice dead retry {dead.id}`" in dead.error
    assert f"`sluice dead drop {dead.id}`" in dead.error
    async with running(tmp_path, [route("eats", eats), route("fine", fine)]) as rig:
        assert len(await rig.died()) == 1


async def _is(rig, **counts: int) -> bool:  # type: ignore[no-untyped-def]  # noqa: ANN001
    found = dict((await rig.ledger.counts.summary()).work)
    return found == counts
