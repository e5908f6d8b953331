"""The ledger: what is appended is whole, once, folded, placed without gaps, and survives."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, inspect, text

from processor.adapters.ledgers import Ledger, migrations, rows, schema
from processor.adapters.ledgers.lock import held
from processor.errors import Terminal
from processor.events import BY_TYPE, Event, VersionStageChanged
from processor.ports.work import Claim, Room, Turn
from processor.rules.chain import START, link
from processor.testing.clock import JumpingClock
from processor.values.about import About
from processor.values.effect import Effect, EffectClosing
from processor.values.promotion import Promotion, promotion_id_of
from processor.values.record import VersionRecord
from processor.values.snapshot import Snapshot
from processor.values.work import Work
from tests.make import SLOT, a_version, registered, requested


@pytest.fixture
def clock() -> JumpingClock:
    return JumpingClock()


@pytest.fixture
async def ledger(tmp_path: Path, clock: JumpingClock) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(tmp_path / "sluice.db", "main", clock)
    yield opened
    await opened.close()


ROOM = Room(free=10, most={("handler", ""): 10}, taken={})


def one_turn(event: Event) -> list[Turn]:
    return [Turn("handler", "", event.head.key)]


async def turns(ledger: Ledger) -> list[tuple[Work, Event | None]]:
    return list((await ledger.work.claim(ROOM)).turns)


async def test_the_same_fact_twice_is_one_event(ledger: Ledger) -> None:
    first = await ledger.log.append([registered(a_version())])
    again = await ledger.log.append([registered(a_version(), run_id="another")])
    assert len(first.new) == 1
    assert again.new == ()
    found = await ledger.log.of_key("main/default/fraud")
    assert [one.event for one in found] == [registered(a_version())]


async def test_events_read_back_as_they_were_said(ledger: Ledger) -> None:
    version = a_version("7", model="fräud ../<script>'\"")
    said = registered(version)
    await ledger.log.append([said])
    stored = await ledger.log.get(said.head.id)
    assert stored is not None
    assert stored.event == said
    assert [one.event for one in await ledger.log.of_key(version.key)] == [said]


async def test_an_append_folds_its_views_in_the_same_commit(ledger: Ledger) -> None:
    version = a_version()
    await ledger.log.append([registered(version), requested(version)])
    record = await ledger.views.get(VersionRecord, version.path)
    assert record is not None
    assert record.run_id == "run-1"
    found = await ledger.views.find(Promotion, slot=SLOT.key, state="requested")
    assert [row.id for row in found] == [promotion_id_of(requested(version).head.id)]
    assert await ledger.views.find(Promotion, state="proposed") == []


async def test_a_snapshot_moves_only_from_the_revision_that_was_held(ledger: Ledger) -> None:
    version = a_version()
    moved = await ledger.log.append((), snapshot=Snapshot("registry:x", 0, "one"))
    late = await ledger.log.append([registered(version)], snapshot=Snapshot("registry:x", 0, "two"))
    assert moved.missed == ()
    assert late.missed == ("registry:x",)
    assert await ledger.log.of_key(version.key) == []
    assert await ledger.snapshots.get("registry:x") == Snapshot("registry:x", 1, "one")


async def test_one_bad_write_in_a_batch_takes_nobody_with_it(ledger: Ledger) -> None:
    def bad(_: Connection) -> None:
        raise ValueError("this one only")

    answers = await asyncio.gather(
        *(ledger.log.append([registered(a_version(str(n)))]) for n in range(20)),
        ledger.database.write(bad),
        *(ledger.log.append([registered(a_version(str(n)))]) for n in range(20, 40)),
        return_exceptions=True,
    )
    assert [type(one) for one in answers if isinstance(one, Exception)] == [ValueError]
    assert len(await ledger.log.of_key("main/default/fraud")) == 40


async def test_places_have_no_gaps_and_the_chain_covers_each_event(ledger: Ledger) -> None:
    for number in range(1, 8):
        await ledger.log.append([registered(a_version(str(number)))])
    placed = [*await ledger.log.place(3), *await ledger.log.place(100)]
    assert [one.pos for one in placed] == list(range(1, 8))
    assert await ledger.log.place(100) == []
    assert [one.pos for one in await ledger.log.page(5, 10)] == [6, 7]
    previous = START

    def stored(connection: Connection) -> list[tuple[int, str, dict[str, object]]]:
        found = connection.execute(schema.event.select().order_by(schema.event.c.pos))
        return [(row.pos, row.hash, rows.chained(row)) for row in found]

    for pos, digest, facts in await ledger.database.read(stored):
        previous = link(previous, pos, facts)
        assert previous == digest
        assert link(previous, pos, facts | {"data": "{}"}) != digest


async def test_dispatch_plans_each_placed_event_once_in_order(ledger: Ledger) -> None:
    versions = [a_version(str(number)) for number in range(1, 6)]
    for version in versions:
        await ledger.log.append([registered(version)])
    assert await ledger.work.dispatch(one_turn) == 0, "nothing has a place yet"
    await ledger.log.place(100)
    assert await ledger.work.dispatch(one_turn) == 5
    assert await ledger.work.dispatch(one_turn) == 0
    taken = []
    while claimed := await turns(ledger):
        assert len(claimed) == 1, "one lane, one row at a time"
        work, event = claimed[0]
        assert await turns(ledger) == [], "its lane is taken"
        await ledger.work.settle(work, [])
        taken.append(event)
    assert taken == [registered(version) for version in versions]


async def test_a_head_that_is_put_off_holds_its_lane_and_a_tail_does_not(
    ledger: Ledger, clock: JumpingClock
) -> None:
    for number in ("1", "2"):
        await ledger.log.append([registered(a_version(number))])
    await ledger.log.place(10)
    await ledger.work.dispatch(one_turn)
    [(first, _)] = await turns(ledger)
    later = clock.now() + timedelta(seconds=10)
    await ledger.work.postpone(first, until=later, error="down", tail=False, blamed=True)
    assert await ledger.work.claim(ROOM) == Claim([], later)
    await clock.jump(10)
    [(again, _)] = await turns(ledger)
    assert (again.id, again.attempts, again.blamed) == (first.id, 1, 1)
    await ledger.work.postpone(
        again, until=clock.now() + timedelta(seconds=5), error="early", tail=True, blamed=False
    )
    [(second, event)] = await turns(ledger)
    assert event == registered(a_version("2"))
    await ledger.work.settle(second, [])
    assert await turns(ledger) == []
    await clock.jump(5)
    [(back, _)] = await turns(ledger)
    assert back.id == first.id


async def test_rows_that_ran_when_the_process_ended_are_ready_again(
    tmp_path: Path, clock: JumpingClock
) -> None:
    path = tmp_path / "sluice.db"
    ledger = await Ledger.open(path, "main", clock)
    await ledger.log.append([registered(a_version())])
    await ledger.log.place(10)
    await ledger.work.dispatch(one_turn)
    assert len(await turns(ledger)) == 1
    await ledger.close()
    ledger = await Ledger.open(path, "main", clock)
    assert len(await turns(ledger)) == 1
    await ledger.close()


async def test_open_effects_are_closed_by_the_append_that_read_them(ledger: Ledger) -> None:
    effect = Effect("k", "registry.mark", "registry:main/x", "stage", "Staging", "d", "cause")
    assert await ledger.effects.begin(effect) == effect
    assert await ledger.snapshots.open_effects("registry:") == [], "not sent yet"
    sending = Effect(**{**effect.__dict__, "state": "sending"})
    await ledger.effects.save(sending)
    assert await ledger.effects.begin(effect) == sending
    assert await ledger.snapshots.open_effects("registry:main/") == [sending]
    await ledger.log.append((), closings=[EffectClosing("k", "seen")])
    assert await ledger.snapshots.open_effects("registry:") == []


async def test_views_folded_by_other_code_are_folded_anew(
    tmp_path: Path, clock: JumpingClock
) -> None:
    path = tmp_path / "sluice.db"
    version = a_version()
    ledger = await Ledger.open(path, "main", clock)
    changed = VersionStageChanged(
        head=VersionStageChanged.heading(About.of(version), "1:1"),
        version=version,
        old="None",
        new="Staging",
    )
    await ledger.log.append([registered(version), changed])
    before = await ledger.views.get(VersionRecord, version.path)
    await ledger.close()
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE meta SET value = '0' WHERE name = 'fold_version'")
        file.execute("UPDATE view_versionrecord SET data = '{}', state = 'nonsense'")
    ledger = await Ledger.open(path, "main", clock)
    assert before is not None
    assert before.stage == "Staging"
    assert await ledger.views.get(VersionRecord, version.path) == before
    assert await ledger.views.find(VersionRecord, state="live") == [before]
    await ledger.close()


async def test_another_registry_id_is_refused_by_name(tmp_path: Path, clock: JumpingClock) -> None:
    path = tmp_path / "sluice.db"
    await (await Ledger.open(path, "main", clock)).close()
    with pytest.raises(Terminal, match=r"registry 'main', but registry.id is 'other'"):
        await Ledger.open(path, "other", clock)


async def test_a_ledger_of_newer_code_is_refused(tmp_path: Path, clock: JumpingClock) -> None:
    path = tmp_path / "sluice.db"
    await (await Ledger.open(path, "main", clock)).close()
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Terminal, match="newer than this program"):
        await Ledger.open(path, "main", clock)


async def test_readers_never_write(tmp_path: Path, clock: JumpingClock) -> None:
    path = tmp_path / "sluice.db"
    with pytest.raises(Terminal, match="there is no ledger"):
        await Ledger.open_readonly(path, clock)
    writer = await Ledger.open(path, "main", clock)
    await writer.log.append([registered(a_version())])
    reader = await Ledger.open_readonly(path, clock)
    assert len(await reader.log.of_key("main/default/fraud")) == 1
    with pytest.raises(Exception, match="read-only"):
        await reader.log.append([registered(a_version("2"))])
    await reader.close()
    await writer.close()


def test_a_second_process_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "sluice.db"
    with held(path), pytest.raises(Terminal, match=r"is in use by process \d+"), held(path):
        pass
    with held(path):
        pass


def test_the_revisions_make_the_tables_the_code_uses(tmp_path: Path) -> None:
    migrations.upgrade(tmp_path / "migrated.db")
    made = create_engine(f"sqlite:///{tmp_path / 'migrated.db'}")
    wanted = create_engine("sqlite://")
    schema.metadata.create_all(wanted)
    for table in schema.metadata.sorted_tables:
        columns = [
            {column["name"]: (str(column["type"]), column["nullable"]) for column in one}
            for one in (
                inspect(made).get_columns(table.name),
                inspect(wanted).get_columns(table.name),
            )
        ]
        assert columns[0] == columns[1], table.name
        indexes = [
            {index["name"]: index["column_names"] for index in inspect(one).get_indexes(table.name)}
            for one in (made, wanted)
        ]
        assert indexes[0] == indexes[1], table.name
    with made.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == (
            schema.HEAD
        )
    made.dispose()
    wanted.dispose()


async def test_events_of_types_this_code_does_not_know_wait_undispatched(ledger: Ledger) -> None:
    await ledger.log.append([registered(a_version())])
    await ledger.database.write(
        lambda connection: (
            connection.execute(schema.event.update().values(type="sluice.of.tomorrow.v1")).rowcount
        )
    )
    assert "sluice.of.tomorrow.v1" not in BY_TYPE
    assert await ledger.log.place(10) == []
    assert await ledger.work.dispatch(one_turn) == 0
    assert (await ledger.counts.summary()).undispatched == 1


@pytest.mark.parametrize("year", [1, 999, 1970, 9999])
async def test_moments_of_any_year_are_stored_and_read_back(ledger: Ledger, year: int) -> None:
    at = datetime(year, 1, 2, tzinfo=UTC)
    version = a_version()
    said = registered(version)
    said = said.model_copy(update={"head": said.head.model_copy(update={"time": at})})
    await ledger.log.append([said])
    [placed] = await ledger.log.place(10)
    assert placed.at == at


async def test_an_event_that_cannot_be_read_is_a_row_to_give_up_and_the_next_goes_on(
    ledger: Ledger,
) -> None:
    await ledger.log.append([registered(a_version("1"))])
    await ledger.database.write(
        lambda connection: (
            connection.execute(schema.event.update().values(data='{"x": 1}')).rowcount
        )
    )
    await ledger.log.append([registered(a_version("2"))])
    assert [one.event for one in await ledger.log.place(10)] == [registered(a_version("2"))]
    assert await ledger.work.dispatch(one_turn) == 2
    [(first, nothing), (_, event)] = await turns(ledger)
    assert event == registered(a_version("2"))
    assert nothing is None, "the worker gives it up and says so"
    assert "cannot be read" in first.error


async def test_any_failure_of_a_commit_reaches_everybody_who_waits(ledger: Ledger) -> None:
    def closes(connection: Connection) -> None:
        connection.rollback()

    answers = await asyncio.gather(
        *(ledger.database.write(closes) for _ in range(3)), return_exceptions=True
    )
    assert all(isinstance(answer, Exception) for answer in answers)
    assert len((await ledger.log.append([registered(a_version())])).new) == 1
