"""A backup is of one moment, proven, and made while others write."""

import asyncio
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from processor.adapters.ledgers import copying, verifying
from processor.adapters.ledgers.backup import backup
from processor.errors import Terminal
from tests.ledger.filled import fill, one_turn, opened, views_of
from tests.make import a_version, registered


async def test_a_backup_taken_while_events_flow_is_whole_and_of_one_moment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, ledger = tmp_path / "sluice.db", await opened(tmp_path / "sluice.db")
    await fill(ledger, *range(1, 200))
    stopping = asyncio.Event()

    async def flow() -> int:
        number = 1000
        while not stopping.is_set():
            number += 1
            await ledger.log.append([registered(a_version(str(number)))])
            await ledger.log.place(100)
        return number - 1000

    flowing = asyncio.create_task(flow())
    copies = []
    for number in range(5):
        await asyncio.sleep(0.05)
        copies.append(await asyncio.to_thread(backup, path, tmp_path / f"copy-{number}.db"))
    stopping.set()
    said = await flowing
    with capsys.disabled():
        places = [one.pos for one in copies]
        print(f"\nbackup: {len(copies)} copies at places {places} while {said} events came")
    assert said > 0
    assert [one.pos for one in copies] == sorted(one.pos for one in copies)
    for copied in copies:
        assert copied.events >= copied.pos >= 199
        assert stat.S_IMODE(Path(copied.file).stat().st_mode) == 0o600
        assert verifying.problems_of(Path(copied.file)) == ()
        assert len(views_of(Path(copied.file))["versionrecord"]) == copied.events
    assert not list(tmp_path.glob("copy-*.new*"))
    await ledger.close()


async def test_a_file_in_the_way_is_not_replaced_unless_asked(tmp_path: Path) -> None:
    path, file = tmp_path / "sluice.db", tmp_path / "copy.db"
    ledger = await opened(path)
    await fill(ledger, 1)
    file.write_text("somebody's")
    with pytest.raises(Terminal, match="is there already: name another file, or add --force"):
        backup(path, file)
    assert file.read_text() == "somebody's"
    assert backup(path, file, force=True).events == 1
    with pytest.raises(Terminal, match="is the ledger itself"):
        backup(path, path, force=True)
    with pytest.raises(Terminal, match="is a directory"):
        backup(path, tmp_path)
    assert len(await ledger.log.of_key("main/default/fraud")) == 1
    await ledger.close()


async def test_a_ledger_that_was_tampered_with_is_not_called_a_backup(tmp_path: Path) -> None:
    path, file = tmp_path / "sluice.db", tmp_path / "copy.db"
    ledger = await opened(path)
    await fill(ledger, 1, 2, 3)
    await ledger.close()
    with closing(sqlite3.connect(path)) as edited, edited:
        edited.execute("UPDATE event SET data = replace(data, 'run-2', 'run-9') WHERE pos = 2")
    with pytest.raises(Terminal, match=r"cannot be trusted \(event .* at place 2 is not what"):
        backup(path, file)
    assert not file.exists()
    with copying.connected(path) as connection:
        assert len(verifying.chain(connection).problems) == 1


async def test_every_kind_of_tampering_breaks_the_chain(tmp_path: Path) -> None:
    path = tmp_path / "sluice.db"
    ledger = await opened(path)
    await fill(ledger, *range(1, 6))
    traced = registered(a_version("6"))
    traced = traced.model_copy(
        update={"head": traced.head.model_copy(update={"trace": "00-4bf92f3577b34da6-00f067aa-01"})}
    )
    await ledger.log.append([traced])
    await ledger.log.place(10)
    await ledger.work.dispatch(one_turn)
    await ledger.close()
    found = {}
    for what in (
        "UPDATE event SET actor = 'somebody' WHERE pos = 3",
        "UPDATE event SET observed_at = '2020-01-01T00:00:00.000000Z' WHERE pos = 3",
        "DELETE FROM event WHERE pos = 3",
        "UPDATE event SET hash = 'x' WHERE pos = 3",
        "UPDATE event SET model_key = 'main/default/other' WHERE pos = 3",
        "UPDATE event SET model_key = 'main' WHERE pos = 3",
        "UPDATE event SET seq = 99 WHERE pos = 3",
        "UPDATE event SET seq = 0 WHERE pos = 3",
        "UPDATE event SET trace = '00-1' WHERE pos = 3",
        "UPDATE event SET trace = NULL WHERE pos = 6",
        "UPDATE event SET seq = 99 WHERE pos = 6",  # nothing behind it, but a row of work
        "UPDATE meta SET value = '99' WHERE name = 'chain_covers_trace_from'",
        "SELECT 1",
    ):
        copy = tmp_path / "edited.db"
        copying.copy(path, copy)
        with closing(sqlite3.connect(copy)) as edited, edited:
            edited.execute(what)
        with copying.connected(copy) as connection:
            found[what] = bool(verifying.chain(connection).problems)
    assert found.pop("SELECT 1") is False
    print(f"tampering: {sum(found.values())} of {len(found)} kinds found")
    assert all(found.values()), found


async def test_a_chain_of_the_first_release_holds_and_what_comes_behind_it_covers_more(
    tmp_path: Path,
) -> None:
    """Its hashes left traces out, and an upgrade links no event anew."""
    path = tmp_path / "sluice.db"
    ledger = await opened(path)
    await fill(ledger, 1, 2)
    await ledger.close()
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE event SET trace = '00-1' WHERE pos = 1")
    assert problems(path) == 1
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE meta SET value = '3' WHERE name = 'chain_covers_trace_from'")
    assert problems(path) == 0
    ledger = await opened(path)
    await fill(ledger, 3)
    await ledger.close()
    assert problems(path) == 0
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE event SET trace = '00-1' WHERE pos = 3")
    assert problems(path) == 1


def problems(path: Path) -> int:
    with copying.connected(path) as connection:
        return len(verifying.chain(connection).problems)
