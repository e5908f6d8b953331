"""Dead rows, put back or laid aside: with the event that tells it, in one transaction, once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from processor.adapters.ledgers import Ledger, schema
from processor.commands.drop import Drop
from processor.commands.operators import Operators
from processor.commands.retry import Retry
from processor.errors import Refused
from processor.events import Event, WorkDied, WorkDropped, WorkRetried
from processor.ports.work import Room, Turn
from processor.testing.clock import JumpingClock
from processor.values.about import About
from processor.values.people import People
from processor.values.principal import Principal
from processor.values.work import Work
from tests.make import a_version, registered

ANA = Principal("ana", "authenticated")
OPERATORS = Operators(People(frozenset({"ana"})))


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(tmp_path / "sluice.db", "main", JumpingClock())
    yield opened
    await opened.close()


def plan(event: Event) -> list[Turn]:
    if event.kind != "model_version.registered":
        return []
    return [Turn("evaluate", "", f"version:{event.head.subject}"), Turn("mark", "", "model:fraud")]


async def planned(ledger: Ledger, *numbers: str) -> None:
    """Register versions; each has a row of its own lane and one of the model's."""
    for number in numbers:
        await ledger.log.append([registered(a_version(number, created_ms=int(number)))])
    await ledger.log.place(100)
    while await ledger.work.dispatch(plan):
        pass


async def claimed(ledger: Ledger) -> list[Work]:
    """Take what is due; these are the rows."""
    claim = await ledger.work.claim(Room(free=10, most={}, taken={}))
    return [work for work, _ in claim.turns]


async def buried(ledger: Ledger, handler: str, *, retried: int = 0) -> Work:
    """Let the head of a lane die; the others go back."""
    dead: Work | None = None
    for work in await claimed(ledger):
        if work.handler == handler:
            about = About("main")
            key = f"{work.event_id}:{handler}:" + (f":{retried}" if retried else "")
            told = WorkDied(
                head=WorkDied.heading(about, key, cause=work.event_id),
                handler=handler,
                part="",
                event_id=work.event_id,
                reason="no such file",
            )
            await ledger.work.bury(work, "no such file", told)
            dead = work
        else:
            now = ledger.work.clock.now()
            await ledger.work.postpone(work, until=now, error="", tail=False, blamed=False)
    assert dead is not None
    return dead


def commands(ledger: Ledger) -> tuple[Retry, Drop]:
    given = {"log": ledger.log, "rows": ledger.dead, "operators": OPERATORS, "registry": "main"}
    return Retry(**given), Drop(**given)  # type: ignore[arg-type]


async def test_a_retried_row_stands_at_its_lanes_tail_as_if_new(ledger: Ledger) -> None:
    await planned(ledger, "1")
    dead = await buried(ledger, "mark")
    await planned(ledger, "2", "3")
    clock = ledger.work.clock
    assert isinstance(clock, JumpingClock)
    await clock.jump(3600)
    (listed,) = await ledger.counts.rows("dead")
    assert (listed.work.id, listed.kind) == (dead.id, "model_version.registered")
    assert listed.model_key == "main/default/fraud"
    assert clock.now() - listed.work.due_at == timedelta(hours=1)  # since when it is dead
    retry, _ = commands(ledger)
    await retry(ANA, dead.id, "file added", "key")
    row = await ledger.dead.get(dead.id)
    assert row is not None
    assert row.work.state == "ready"
    assert (row.work.attempts, row.work.blamed, row.work.crashes, row.work.retried) == (0, 0, 0, 1)
    assert row.work.error == "no such file"  # still readable
    assert row.work.recorded_at == clock.now()  # its patience begins anew
    turns = []
    for _ in range(3):
        taken = await claimed(ledger)
        turns += [work for work in taken if work.lane == dead.lane]
        for work in taken:
            await ledger.work.settle(work, ())
    assert [work.id for work in turns][-1] == dead.id
    assert len(turns) == 3
    (told,) = await ledger.log.of_type(WorkRetried, "main")
    assert isinstance(told.event, WorkRetried)
    assert (told.event.work_id, told.event.reason) == (dead.id, "file added")


async def test_a_row_that_dies_again_is_told_again(ledger: Ledger) -> None:
    await planned(ledger, "1")
    dead = await buried(ledger, "mark")
    retry, _ = commands(ledger)
    await retry(ANA, dead.id, "", "key")
    again = await buried(ledger, "mark", retried=1)
    assert again.id == dead.id
    assert again.retried == 1
    assert len(await ledger.log.of_type(WorkDied, "main")) == 2


async def test_a_dropped_row_stays_readable_and_is_never_taken(ledger: Ledger) -> None:
    await planned(ledger, "1")
    dead = await buried(ledger, "mark")
    _, drop = commands(ledger)
    await drop(ANA, dead.id, "not wanted", "key")
    assert await ledger.counts.rows("dead") == []
    (row,) = await ledger.counts.rows("dropped")
    assert row.work.error == "no such file"
    assert [work.handler for work in await claimed(ledger)] == ["evaluate"]
    summary = await ledger.counts.summary()
    assert summary.work["dropped"] == 1
    assert "dead" not in summary.work
    (stuck,) = await ledger.counts.stuck("main/default/fraud")
    assert stuck.work.state == "dropped"
    assert await ledger.counts.stuck("main/default/other") == []
    assert len(await ledger.log.of_type(WorkDropped, "main")) == 1


async def test_of_many_at_once_one_wins_and_the_others_are_told_what_it_is_now(
    ledger: Ledger,
) -> None:
    await planned(ledger, "1")
    dead = await buried(ledger, "mark")
    retry, drop = commands(ledger)
    wishes = [retry(ANA, dead.id, "", f"r{n}") for n in range(5)]
    wishes += [drop(ANA, dead.id, "x", f"d{n}") for n in range(5)]
    answers = await asyncio.gather(*wishes, return_exceptions=True)
    refusals = [one for one in answers if isinstance(one, Refused)]
    assert len(refusals) == 9
    assert all("not dead" in one.detail for one in refusals)
    told = await ledger.log.of_type(WorkRetried, "main")
    told = [*told, *await ledger.log.of_type(WorkDropped, "main")]
    assert len(told) == 1
    row = await ledger.dead.get(dead.id)
    assert row is not None
    assert row.work.state in {"ready", "dropped"}


async def test_the_same_wish_at_once_is_one_event_and_no_refusal(ledger: Ledger) -> None:
    await planned(ledger, "1")
    dead = await buried(ledger, "mark")
    retry, _ = commands(ledger)
    answers = await asyncio.gather(*(retry(ANA, dead.id, "", "same") for _ in range(5)))
    assert len(set(answers)) == 1
    row = await ledger.dead.get(dead.id)
    assert row is not None
    assert row.work.retried == 1


async def test_an_unreadable_event_is_dispatched_anew_once_it_can_be_read(ledger: Ledger) -> None:
    await ledger.log.append([registered(a_version())])
    event = schema.event
    good = await ledger.database.read(lambda c: str(c.execute(event.select()).one().data))
    await ledger.database.write(lambda c: c.execute(update(event).values(data="{}")).rowcount)
    await ledger.log.place(10)
    await ledger.work.dispatch(plan)
    (unreadable,) = await claimed(ledger)
    await ledger.work.bury(unreadable, unreadable.error, None)
    (row,) = await ledger.counts.rows("dead")
    assert row.work.handler == "dispatch"
    assert "cannot be read" in row.work.error
    retry, _ = commands(ledger)
    with pytest.raises(Refused, match="still cannot be read"):
        await retry(ANA, row.work.id, "", "1")
    assert await ledger.log.of_type(WorkRetried, "main") == []  # refused whole
    await ledger.database.write(lambda c: c.execute(update(event).values(data=good)).rowcount)
    await retry(ANA, row.work.id, "newer program", "2")
    assert await ledger.dead.get(row.work.id) is None
    await ledger.work.dispatch(plan)
    assert sorted(work.handler for work in await claimed(ledger)) == ["evaluate", "mark"]


async def test_what_did_not_die_is_not_found_dead(ledger: Ledger) -> None:
    await planned(ledger, "1")
    assert await ledger.counts.rows("dead") == []
    assert await ledger.dead.get(999) is None
    ready = await ledger.dead.get(1)
    assert ready is not None
    assert replace(ready.work, error="") == ready.work
