"""A clock that was set between two runs: nothing is stuck, no window is shortened."""

from datetime import timedelta
from pathlib import Path

from processor.adapters.ledgers.stamps import newest
from processor.testing.clock import JumpingClock
from processor.values.effect import Effect
from tests.ledger.filled import fill, one_turn, opened
from tests.make import a_version, registered

HOUR = timedelta(hours=1)
WINDOW = timedelta(seconds=60)


async def test_the_newest_stamp_is_what_the_next_clock_begins_at(tmp_path: Path) -> None:
    path, clock = tmp_path / "sluice.db", JumpingClock()
    assert newest(path) is None
    ledger = await opened(path, clock)
    assert newest(path) is None
    await fill(ledger, 1)
    told = clock.now()
    assert newest(path) == told
    await clock.jump(60)
    effect = Effect("k", "registry.mark", "s", "stage", "x", "d", "c", sent_at=clock.now())
    await ledger.effects.begin(effect)
    assert newest(path) == told + timedelta(seconds=60)
    await ledger.close()
    (tmp_path / "words.db").write_text("no ledger " * 500)
    assert newest(tmp_path / "words.db") is None


async def test_rows_put_off_before_the_clock_was_set_back_are_not_stuck(tmp_path: Path) -> None:
    path, clock = tmp_path / "sluice.db", JumpingClock()
    ledger = await opened(path, clock)
    await ledger.log.append([registered(a_version("1"))])
    await ledger.log.place(10)
    await ledger.work.dispatch(one_turn)
    with_due = "UPDATE work SET due_at = ?"
    at = (clock.now() + HOUR).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    await ledger.database.write(
        lambda connection: connection.exec_driver_sql(with_due, (at,)).rowcount
    )
    await ledger.close()
    ledger = await opened(path, clock)
    found = await ledger.database.read(
        lambda connection: connection.exec_driver_sql("SELECT due_at FROM work").scalar_one()
    )
    assert found < at
    await ledger.close()


async def test_a_window_that_was_open_at_a_crash_begins_anew(tmp_path: Path) -> None:
    path, clock = tmp_path / "sluice.db", JumpingClock()
    ledger = await opened(path, clock)
    effect = Effect(
        "k",
        "proposal.open",
        "forge:x",
        "",
        "",
        "d",
        "c",
        state="sending",
        attempt=1,
        sent_at=clock.now(),
        quiet_until=clock.now() + WINDOW,
    )
    await ledger.effects.begin(effect)
    await ledger.close()
    clock.correct(HOUR.total_seconds())  # the window would be long over
    ledger = await opened(path, clock)
    [found] = await ledger.effects.of_cause("c")
    assert (found.state, found.quiet_until) == ("ambiguous", clock.now() + WINDOW)
    await clock.jump(30)
    await ledger.close()
    ledger = await opened(path, clock)
    [again] = await ledger.effects.of_cause("c")
    assert again.quiet_until == found.quiet_until, "only the crash of its own process counts"
    await ledger.close()
