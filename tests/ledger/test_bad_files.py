"""Whatever stands at ledger.path, and whatever the disk does: a named state with its fix."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from processor.adapters.ledgers import Ledger, beside, migrations, verifying
from processor.adapters.ledgers.lock import held
from processor.errors import Terminal, Unavailable
from processor.testing.clock import JumpingClock
from tests.ledger.filled import fill, opened
from tests.make import a_version, registered

KEY = "main/default/fraud"


@contextmanager
def nobody() -> Iterator[None]:
    """Be a user who may read and write nothing of root's, where we are root."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


async def refusals(path: Path) -> list[str]:
    """Return what is said when the ledger is opened to run and to read."""
    said = []
    for opening in (
        Ledger.open(path, "main", JumpingClock()),
        Ledger.open_readonly(path, JumpingClock()),
    ):
        with pytest.raises(Terminal) as refused:
            await opening
        said.append(str(refused.value))
        assert "\n" not in str(refused.value)
        assert str(path) in str(refused.value)
    return said


async def test_what_is_no_ledger_is_refused_by_name_with_the_fix(tmp_path: Path) -> None:
    made = {name: tmp_path / name for name in ("folder", "empty", "words", "strange")}
    made["folder"].mkdir()
    made["empty"].touch()
    made["words"].write_text("these are words and no database " * 500)
    with closing(sqlite3.connect(made["strange"])) as strange, strange:
        strange.execute("CREATE TABLE invoices (id INTEGER)")
    fixes = {
        "folder": "name a file",
        "empty": "to begin a new one, remove the file",
        "words": "set ledger.path to one, or restore a backup",
        "strange": "is a database of something else",
    }
    for name, path in made.items():
        for said in await refusals(path):
            assert fixes[name] in said, name
    with closing(sqlite3.connect(made["strange"])) as strange:
        assert strange.execute("SELECT name FROM sqlite_master").fetchall() == [("invoices",)]


async def test_a_place_that_may_not_be_written_is_refused_with_the_fix(tmp_path: Path) -> None:
    behind_a_file = tmp_path / "file" / "sluice.db"
    behind_a_file.parent.write_text("not a folder")
    to_run, to_read = await refusals(behind_a_file)
    assert "in a folder this user may write" in to_run
    assert "there is no ledger at" in to_read
    with pytest.raises(Terminal, match="this user may write"), held(behind_a_file):
        pass
    open_folder = tmp_path / "locked"
    open_folder.mkdir()
    path = open_folder / "sluice.db"
    ledger = await opened(path)
    await ledger.close()
    for folder in (open_folder, *open_folder.parents):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    path.chmod(0o444)
    open_folder.chmod(0o555)
    try:
        with nobody():
            with pytest.raises(Terminal, match=r"may not be written|this user may read and"):
                await opened(path)
            with pytest.raises(Terminal, match="this user may read and write"):
                await opened(open_folder / "new.db")
            with pytest.raises(Terminal, match="this user may write"), held(path):
                pass
    finally:
        open_folder.chmod(0o755)


async def test_tables_of_newer_code_are_refused_to_run_and_to_read(tmp_path: Path) -> None:
    path = tmp_path / "sluice.db"
    await (await opened(path)).close()
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE alembic_version SET version_num = '9999'")
    for said in await refusals(path):
        assert "of revision 9999, newer than this program's" in said
        assert "run the newer program, or restore a backup made before it" in said


async def test_a_crash_while_a_ledger_is_made_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sluice.db"

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(beside, "settle", crash)
        with pytest.raises(KeyboardInterrupt):
            migrations.upgrade(path)
    assert not path.exists()
    assert beside.fresh(path).exists()
    ledger = await opened(path)
    await fill(ledger, 1)
    await ledger.close()
    assert not beside.fresh(path).exists()


def limited(pages: int) -> Any:
    """Return a job that lets the writer's connection use so many pages at most (0: any)."""

    def job(connection: Connection) -> int:
        return int(connection.execute(text(f"PRAGMA max_page_count={pages or 2**30}")).scalar_one())

    return job


async def test_a_full_disk_is_named_keeps_what_was_said_and_heals_by_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "sluice.db"
    ledger = await opened(path)
    await fill(ledger, 1)
    await ledger.database.write(limited(1))
    stored, refused, complaints = [], [], set[str]()
    for number in range(2, 300):
        try:
            await ledger.log.append([registered(a_version(str(number)), "r" * 2000)])
            stored.append(str(number))
        except Unavailable as full:
            refused.append(str(number))
            complaints.add(str(full))
    assert complaints == {
        (
            f"ledger: {path} cannot grow (database or disk is full), the disk is full: free space "
            "there, then nothing else is needed"
        )
    }
    together = await asyncio.gather(
        *(ledger.log.append([registered(a_version(str(n)), "r" * 2000)]) for n in range(900, 910)),
        return_exceptions=True,
    )
    assert {type(one) for one in together} == {Unavailable}
    assert "cannot grow" in (await ledger.tidying.look())["ledger"]
    found = [one.event.version.number for one in await ledger.log.of_key(KEY)]  # type: ignore[attr-defined]
    assert found == ["1", *stored], "what was refused is not there, not even by half"
    await ledger.database.write(limited(0))
    assert await ledger.tidying.look() == {"ledger": ""}
    for again in refused:
        await ledger.log.append([registered(a_version(again), "r" * 2000)])
    with capsys.disabled():
        print(f"\ndisk full: {len(stored)} stored, {len(refused)} refused, all of them later")
    assert len(refused) > 200
    assert len(await ledger.log.of_key(KEY)) == 299
    assert verifying.problems_of(path) == ()
    await ledger.close()


def flip(path: Path, *, first: float = 0.6, last: float = 0.95) -> None:
    """Turn over every byte of every other page of a part of a file."""
    with path.open("r+b") as file:
        size = path.stat().st_size
        for page in range(int(size * first) // 4096, int(size * last) // 4096, 2):
            file.seek(page * 4096)
            content = bytes(byte ^ 0xFF for byte in file.read(4096))
            file.seek(page * 4096)
            file.write(content)


async def test_damage_in_the_middle_is_named_by_whoever_meets_it(tmp_path: Path) -> None:
    path = tmp_path / "sluice.db"
    ledger = await opened(path)
    await fill(ledger, *range(1, 400))
    await ledger.close()
    whole = tmp_path / "whole.db"
    shutil.copy(path, whole)
    flip(path)
    problems = verifying.problems_of(path)
    assert problems
    assert verifying.problems_of(whole) == ()
    ledger = await opened(path)
    assert "is damaged" in (await checked(ledger))["ledger"]
    with pytest.raises(Unavailable, match="sluice db") as met:
        await ledger.log.of_key(KEY)
    assert str(path) in str(met.value)
    await ledger.close()
    ledger = await opened(whole)
    assert (await checked(ledger))["ledger"] == ""
    await ledger.close()


async def checked(ledger: Ledger) -> dict[str, str]:
    """Let the daily check run; return what is told afterwards."""
    await ledger.tidying.check()
    return dict(await ledger.tidying.look())


async def test_a_damaged_head_is_named_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "sluice.db"
    ledger = await opened(path)
    await fill(ledger, *range(1, 50))
    await ledger.close()
    flip(path, first=0.0, last=0.0)
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 4000)
    for said in await refusals(path):
        assert "is damaged" in said
        assert "`sluice db restore FILE`" in said
