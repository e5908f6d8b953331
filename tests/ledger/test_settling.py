"""Rows that end together share a commit; one that cannot be stored takes nobody with it."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.event import listens_for

from processor.adapters.ledgers import Ledger, schema
from processor.adapters.ledgers import database as database_module
from processor.events import EvaluationRequested, Event
from processor.ports.work import Room, Turn
from processor.testing.clock import JumpingClock
from processor.values.about import About
from processor.values.record import VersionRecord
from processor.values.work import Work
from tests.make import a_version, registered

ROOM = Room(free=99, most={("h", ""): 99}, taken={})
LANES = 20


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(tmp_path / "sluice.db", "main", JumpingClock())
    yield opened
    await opened.close()


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many writes each transaction had, as they come."""
    seen: list[int] = []
    real = database_module._answers

    def counted(connection: Connection, batch: Any) -> Any:
        seen.append(len(batch))
        return real(connection, batch)

    monkeypatch.setattr(database_module, "_answers", counted)
    return seen


async def turns(ledger: Ledger) -> list[tuple[Work, Event]]:
    """Return one row in each of many lanes, running."""
    await ledger.log.append([registered(a_version(model=f"m{n}")) for n in range(LANES)])
    await ledger.log.place(99)
    await ledger.work.dispatch(lambda event: [Turn("h", "", event.head.key)])
    taken = (await ledger.work.claim(ROOM)).turns
    return [(work, event) for work, event in taken if event is not None]


def said(event: Any) -> EvaluationRequested:
    head = event.leads_to(EvaluationRequested, About.of(event.version))
    return EvaluationRequested(head=head, version=event.version)


async def test_rows_of_many_lanes_end_in_one_commit(ledger: Ledger, commits: list[int]) -> None:
    taken = await turns(ledger)
    commits.clear()
    await asyncio.gather(*(ledger.work.settle(work, [said(event)]) for work, event in taken))
    assert commits == [LANES]
    assert (await ledger.counts.summary()).work == {"done": LANES}
    assert (await ledger.counts.summary()).events == 2 * LANES


class Unstorable(EvaluationRequested):
    def model_dump_json(self, **_: Any) -> str:
        raise ValueError("cannot be written")


async def test_the_culprit_of_a_batch_is_the_only_one_that_is_not_stored(
    ledger: Ledger, commits: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    taken = await turns(ledger)
    commits.clear()
    events: list[EvaluationRequested] = [said(event) for _, event in taken]
    events[7] = Unstorable(head=events[7].head, version=events[7].version)
    answers = await asyncio.gather(
        *(
            ledger.work.settle(work, [event])
            for (work, _), event in zip(taken, events, strict=True)
        ),
        return_exceptions=True,
    )
    failed = [number for number, answer in enumerate(answers) if answer is not None]
    with capsys.disabled():
        print(f"\nsettled together: {LANES} in {len(commits)} commit(s), not stored: {failed}")
    assert failed == [7]
    assert isinstance(answers[7], ValueError)
    assert len(commits) == 1, "the others needed no commit of their own"
    summary = await ledger.counts.summary()
    assert summary.work == {"done": LANES - 1, "running": 1}
    assert summary.events == 2 * LANES - 1, "nothing of the culprit is stored"


async def test_a_row_the_tables_refuse_is_the_rows_fault_and_no_outage(ledger: Ledger) -> None:
    await ledger.database.write(
        lambda connection: (
            connection.execute(
                text(
                    "CREATE TRIGGER refused BEFORE INSERT ON event WHEN NEW.subject LIKE '%m3/%'"
                    " AND NEW.type LIKE '%evaluation%'"
                    " BEGIN SELECT RAISE(ABORT, 'not this one'); END"
                )
            ).rowcount
        )
    )
    taken = await turns(ledger)
    answers = await asyncio.gather(
        *(ledger.work.settle(work, [said(event)]) for work, event in taken),
        return_exceptions=True,
    )
    failures = [answer for answer in answers if answer is not None]
    assert [type(one).__name__ for one in failures] == ["IntegrityError"]
    assert "not this one" in str(failures[0])
    assert (await ledger.counts.summary()).work == {"done": LANES - 1, "running": 1}


async def test_what_a_turn_says_is_folded_as_if_one_settled_after_the_other(
    ledger: Ledger,
) -> None:
    version = a_version()
    both = [registered(version, run_id="first"), registered(a_version("2"), run_id="second")]
    again = registered(version, run_id="the same fact, said again")
    await asyncio.gather(*(ledger.log.append([one]) for one in (*both, again)))
    record = await ledger.views.get(VersionRecord, version.path)
    assert record is not None
    assert record.run_id == "first"
    assert (await ledger.counts.summary()).events == 2


async def test_a_turn_ends_once(ledger: Ledger) -> None:
    (work, event), *_ = await turns(ledger)
    await ledger.work.settle(work, [said(event)])
    await ledger.work.postpone(work, until=work.due_at, error="late", tail=False, blamed=True)
    [row] = [one.work for one in await ledger.counts.rows("done")]
    assert (row.id, row.error, row.blamed) == (work.id, "", 0)


async def test_no_lane_has_two_heads_and_none_is_stuck_for_want_of_one(ledger: Ledger) -> None:
    for number in range(1, 4):
        await ledger.log.append([registered(a_version(str(number), model=m)) for m in "ab"])
    await ledger.log.place(99)
    await ledger.work.dispatch(lambda event: [Turn("h", "", event.head.key)])
    work = schema.work
    with pytest.raises(Exception, match="UNIQUE"):
        await ledger.database.write(
            lambda connection: connection.execute(work.update().values(head=True)).rowcount
        )
    await ledger.database.write(
        lambda connection: connection.execute(work.update().values(head=False)).rowcount
    )
    assert (await ledger.work.claim(ROOM)).turns == []
    await ledger.work.recover()
    order = []
    while taken := (await ledger.work.claim(ROOM)).turns:
        order.append(sorted(row.place for row, _ in taken))
        await asyncio.gather(*(ledger.work.settle(row, ()) for row, _ in taken))
    assert order == [[1, 2], [3, 4], [5, 6]]


HOT = {
    "SELECT event.seq, event.id, event.hash": "event_undispatched",
    "SELECT work.id, work.event_seq": "work_claimable",
    "WITH RECURSIVE pairs": "work_claimable",
    "UPDATE work SET head": "work_open",
}


async def test_what_runs_all_day_never_reads_a_whole_table(ledger: Ledger) -> None:
    ran: list[tuple[str, Any]] = []
    writer: Any = ledger.database._writer

    @listens_for(writer._engine, "before_cursor_execute")
    def _before(_: Any, __: Any, statement: str, values: Any, ___: Any, many: bool) -> None:  # noqa: FBT001
        ran.append((statement, values[0] if many else values))

    taken = await turns(ledger)
    await asyncio.gather(*(ledger.work.settle(work, [said(one)]) for work, one in taken))
    plans: dict[str, str] = {}

    def explain(connection: Connection) -> None:
        for statement, values in ran:
            if statement.startswith(("SELECT", "UPDATE", "WITH")):
                found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
                plans[statement] = "; ".join(str(row[3]) for row in found)

    await ledger.database.read(explain)
    of_a_table = re.compile(r"SCAN (event|work|view_|one|next)(?!.* USING INDEX work_claimable)")
    scans = {statement: plan for statement, plan in plans.items() if of_a_table.search(plan)}
    assert scans == {}
    for begins, index in HOT.items():
        [plan] = [plan for statement, plan in plans.items() if statement.startswith(begins)]
        assert index in plan, (begins, plan)
