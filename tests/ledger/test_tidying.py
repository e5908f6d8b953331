"""The file stays in order while it is in use: its log is emptied, also under constant readers."""

import asyncio
import time
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from processor.adapters.ledgers import beside, tidying
from processor.adapters.ledgers.ledger import Ledger
from tests.ledger.filled import fill, opened
from tests.make import a_version, registered

_READERS = 3
_ENOUGH = 512 * 1024


def _slow_read(connection: Connection) -> int:
    """Hold one state of the file for a moment."""
    found = connection.execute(text("SELECT count(*) FROM event")).scalar_one()
    time.sleep(0.03)
    return int(found)


async def _busy(ledger: Ledger, *, tidy: bool) -> int:
    """Write and read without a pause between readers; return the log's largest size."""
    stopping = asyncio.Event()
    largest = 0

    async def reading(begin: float) -> None:
        await asyncio.sleep(begin)
        while not stopping.is_set():
            await ledger.database.read(_slow_read)

    readers = [asyncio.create_task(reading(number * 0.01)) for number in range(_READERS)]
    for number in range(400):
        await ledger.log.append([registered(a_version(str(number)), "r" * 3000)])
        if tidy and number % 10 == 0:
            await ledger.tidying.empty()
        largest = max(largest, beside.wal(ledger.database.path).stat().st_size)
    stopping.set()
    await asyncio.gather(*readers)
    return largest


async def test_the_log_stays_small_under_constant_readers_and_grows_without_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tidying, "LARGEST_LOG", _ENOUGH)
    sizes = {}
    for tidy in (True, False):
        ledger = await opened(tmp_path / f"{tidy}.db")
        sizes[tidy] = await _busy(ledger, tidy=tidy)
        await ledger.close()
    with capsys.disabled():
        print(f"\nlog at most: {sizes[True]} bytes tidied, {sizes[False]} bytes left alone")
    assert sizes[True] <= 3 * _ENOUGH
    assert sizes[False] > sizes[True] * 2


async def test_the_log_is_emptied_when_nobody_writes_and_left_while_somebody_does(
    tmp_path: Path,
) -> None:
    ledger = await opened(tmp_path / "sluice.db")
    log = beside.wal(tmp_path / "sluice.db")
    await fill(ledger, 1, 2, 3)
    assert log.stat().st_size > 0
    writing = asyncio.create_task(ledger.log.append([registered(a_version("9"))]))
    await asyncio.sleep(0)
    assert not ledger.database.idle
    await ledger.tidying.empty()
    await writing
    assert log.stat().st_size > 0
    await ledger.tidying.empty()
    assert log.stat().st_size == 0
    assert len(await ledger.log.of_key("main/default/fraud")) == 4
    await ledger.close()


async def test_a_reader_that_stays_is_waited_for_only_a_moment(tmp_path: Path) -> None:
    ledger = await opened(tmp_path / "sluice.db")
    await fill(ledger, 1)

    def staying(connection: Connection) -> None:
        _slow_read(connection)
        time.sleep(2)

    holding = asyncio.create_task(ledger.database.read(staying))
    await asyncio.sleep(0.1)
    await fill(ledger, 2)
    assert await asyncio.to_thread(tidying.empty_log, tmp_path / "sluice.db") is False
    await fill(ledger, 3)
    await holding
    assert await asyncio.to_thread(tidying.empty_log, tmp_path / "sluice.db") is True
    await ledger.close()
