"""A restored backup is a new life of the ledger: nothing is mistaken, nothing is lost twice."""

import os
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from processor.adapters.ledgers import Ledger, beside, copying, migrations
from processor.adapters.ledgers.backup import backup
from processor.adapters.ledgers.restore import restore
from processor.errors import Terminal
from processor.rules.chain import sequence
from processor.testing.clock import JumpingClock
from processor.values.effect import Effect
from tests.ledger.filled import fill, opened

NOW = datetime(2026, 3, 1, tzinfo=UTC)
QUIET = timedelta(seconds=60)


async def a_backup(folder: Path) -> tuple[Path, Path]:
    """Return a ledger with three events and its backup with two."""
    path, file = folder / "sluice.db", folder / "copy.db"
    ledger = await opened(path)
    await fill(ledger, 1, 2)
    backup(path, file)
    await fill(ledger, 3)
    await ledger.close()
    return path, file


async def test_it_begins_a_new_incarnation_and_keeps_what_was_there(tmp_path: Path) -> None:
    path, file = await a_backup(tmp_path)
    restored = restore(path, file, "main", NOW, QUIET)
    ledger = await opened(path)
    assert len(await ledger.log.of_key("main/default/fraud")) == 2
    assert ledger.incarnation == restored.incarnation > 1
    assert ledger.doubtful_until == NOW + QUIET
    assert sequence(ledger.incarnation, 1) > sequence(1, 10**12)
    await fill(ledger, 4)
    assert [one.pos for one in await ledger.log.page(0, 10)] == [1, 2, 3]
    await ledger.close()
    assert restored.kept is not None
    kept = await Ledger.open_readonly(Path(restored.kept), JumpingClock())
    assert len(await kept.log.of_key("main/default/fraud")) == 3
    assert (kept.incarnation, kept.doubtful_until) == (1, None)
    await kept.close()


async def test_no_two_lives_have_the_same_number(tmp_path: Path) -> None:
    path, file = await a_backup(tmp_path)
    numbers = [restore(path, file, "main", NOW, QUIET).incarnation for _ in range(3)]
    path.write_bytes(b"damaged" * 1000)
    numbers.append(restore(path, file, "main", NOW, QUIET).incarnation)
    path.unlink()
    numbers.append(restore(path, file, "main", NOW - timedelta(days=9), QUIET).incarnation)
    elsewhere = tmp_path / "elsewhere" / "sluice.db"
    numbers.append(restore(elsewhere, file, "main", NOW + timedelta(hours=9), QUIET).incarnation)
    assert numbers == sorted(set(numbers))


async def test_writes_under_way_are_in_doubt_and_the_done_ones_are_not(tmp_path: Path) -> None:
    path, file = tmp_path / "sluice.db", tmp_path / "copy.db"
    ledger = await opened(path)
    for state in ("todo", "sending", "ambiguous", "done"):
        effect = Effect(state, "registry.mark", f"registry:main/{state}", "stage", "x", "d", "c")
        await ledger.effects.begin(effect)
        moments = {"sent_at": NOW - QUIET, "quiet_until": NOW - QUIET / 2, "attempt": 1}
        await ledger.effects.save(Effect(**{**effect.__dict__, **moments, "state": state}))
    await fill(ledger, 1)
    backup(path, file)
    await ledger.close()
    assert restore(path, file, "main", NOW, QUIET).doubtful == 2
    ledger = await opened(path, JumpingClock(NOW))
    effects = {one.key: one for one in await ledger.effects.of_cause("c")}
    assert {key: one.state for key, one in effects.items()} == {
        "todo": "todo",
        "sending": "ambiguous",
        "ambiguous": "ambiguous",
        "done": "done",
    }
    assert {effects[key].quiet_until for key in ("sending", "ambiguous")} == {NOW + QUIET}
    assert effects["done"].quiet_until == NOW - QUIET / 2
    await ledger.close()


async def test_what_is_no_backup_of_this_ledger_is_refused_and_nothing_moves(
    tmp_path: Path,
) -> None:
    path, file = await a_backup(tmp_path)
    before = path.read_bytes()
    cut, newer, words = tmp_path / "cut.db", tmp_path / "newer.db", tmp_path / "text.db"
    cut.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    words.write_text("not a database, whatever its name says " * 20)
    newer.write_bytes(file.read_bytes())
    with closing(sqlite3.connect(newer)) as opened_file, opened_file:
        opened_file.execute("UPDATE alembic_version SET version_num = '9999'")
    for bad, why in (
        (tmp_path / "none.db", "there is no file"),
        (path, "is the ledger itself"),
        (cut, "is damaged"),
        (words, "is not a ledger"),
        (newer, r"newer.db are of revision 9999, newer than this program's \d+"),
    ):
        with pytest.raises(Terminal, match=why):
            restore(path, bad, "main", NOW, QUIET)
    with pytest.raises(Terminal, match=r"tells of registry 'main', but registry.id is 'other'"):
        restore(path, file, "other", NOW, QUIET)
    assert path.read_bytes() == before
    assert sorted(one.name for one in tmp_path.glob("sluice.db.*")) == []


def older(path: Path) -> None:
    """Make a ledger as the first release's tables were."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent / "revisions"))
    with copying.connected(path, writing=True) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(text("INSERT INTO meta VALUES ('registry_id', 'main')"))


async def test_a_backup_of_older_tables_is_brought_up(tmp_path: Path) -> None:
    path, _ = await a_backup(tmp_path)
    older(tmp_path / "older.db")
    with pytest.raises(Terminal, match="`sluice db upgrade` brings them up"):
        migrations.check_readable(tmp_path / "older.db")
    restore(path, tmp_path / "older.db", "main", NOW, QUIET)
    ledger = await opened(path)
    assert await ledger.log.of_key("main/default/fraud") == []
    await fill(ledger, 1)
    assert len(await ledger.log.of_key("main/default/fraud")) == 1
    await ledger.close()


async def test_unmerged_commits_of_the_old_ledger_never_reach_the_new_one(tmp_path: Path) -> None:
    path, file = await a_backup(tmp_path)
    ledger = await opened(path)
    await fill(ledger, *range(10, 60))
    living = tmp_path / "living"
    living.mkdir()
    for one in (path, beside.wal(path)):  # as SIGKILL leaves them
        (living / one.name).write_bytes(one.read_bytes())
    await ledger.close()
    path = living / "sluice.db"
    assert beside.wal(path).stat().st_size > 0
    restored = restore(path, file, "main", NOW, QUIET)
    ledger = await opened(path)
    assert len(await ledger.log.of_key("main/default/fraud")) == 2
    await ledger.close()
    kept = await Ledger.open_readonly(Path(str(restored.kept)), JumpingClock())
    assert len(await kept.log.of_key("main/default/fraud")) == 53
    await kept.close()


@pytest.mark.parametrize("crash", range(1, 8))
async def test_a_crash_anywhere_leaves_one_of_the_two_or_a_named_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crash: int
) -> None:
    path, file = await a_backup(tmp_path)
    left = crash

    def counted(real: object) -> object:
        def call(*args: object, **more: object) -> object:
            nonlocal left
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
            return real(*args, **more)  # type: ignore[operator]

        return call

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", counted(Path.replace))
        patched.setattr(os, "link", counted(os.link))
        patched.setattr(os, "fsync", counted(os.fsync))
        try:
            restore(path, file, "main", NOW, QUIET)
        except KeyboardInterrupt:
            pass
        else:
            assert left > 0, "the crash points are all passed"
    said = ""
    try:
        ledger = await opened(path)
    except Terminal as refused:
        said = str(refused)
        restore(path, file, "main", NOW, QUIET)
        ledger = await opened(path)
    assert said == "" or re.search(r"a restore of .* was interrupted: run `sluice db", said)
    events = len(await ledger.log.of_key("main/default/fraud"))
    assert (events, ledger.incarnation > 1) in {(3, False), (2, True)}
    await ledger.close()
