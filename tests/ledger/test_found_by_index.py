"""What is asked again and again is found by an index, however much the ledger holds."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Engine, create_engine, event

from processor.adapters.ledgers import Ledger, migrations, schema
from processor.adapters.ledgers.sealing import _stops
from processor.events import ForeignReported
from processor.testing.clock import JumpingClock
from processor.values.deadline import Deadline
from processor.values.effect import Effect
from tests.ledger.filled import opened


@contextmanager
def statements() -> Iterator[list[tuple[str, object]]]:
    """Collect every query that is run, with its values."""
    run: list[tuple[str, object]] = []

    def heard(_: object, __: object, text: str, values: object, *___: object) -> None:
        if text.lstrip().startswith("SELECT"):
            run.append((text, values))

    event.listen(Engine, "before_cursor_execute", heard)
    try:
        yield run
    finally:
        event.remove(Engine, "before_cursor_execute", heard)


def plans(path: Path, run: list[tuple[str, object]]) -> list[str]:
    """Return how SQLite answers the queries, a line for each table it looks into."""
    with closing(sqlite3.connect(path)) as file:
        return [
            step[3]
            for text, values in run
            for step in file.execute(f"EXPLAIN QUERY PLAN {text}", values)  # type: ignore[arg-type]
        ]


async def test_the_questions_of_looks_pages_and_scrapes(tmp_path: Path) -> None:
    path = tmp_path / "sluice.db"
    ledger = await opened(path)
    asked = {
        "of_type": ledger.log.of_type(ForeignReported, "main/default/fraud"),
        "windows": ledger.views.find(Deadline, slot="gate window", state="open"),
        "open effects": ledger.snapshots.open_effects("registry:main/"),
        "summary": ledger.counts.summary(),
    }
    used = {}
    for name, question in asked.items():
        with statements() as run:
            await question
        used[name] = plans(path, run)
    await ledger.close()
    print(used)
    assert used["of_type"] == ["SEARCH event USING INDEX event_by_type (model_key=? AND type=?)"]
    assert used["windows"][0] == (
        "SEARCH view_deadline USING INDEX view_deadline_by_kind (slot=? AND state=?)"
    )
    assert "USING INDEX effect_open (subject>? AND subject<?)" in used["open effects"][0]
    whole = [one for one in used["summary"] if one.startswith("SCAN") and "USING" not in one]
    assert whole == [], "it reads a table from end to end"
    assert any("event_undispatched" in one for one in used["summary"])


async def test_a_seal_finds_what_is_undispatched_by_its_index(tmp_path: Path) -> None:
    path, clock = tmp_path / "sluice.db", JumpingClock()
    await (await opened(path)).close()
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection, statements() as run:
        assert list(_stops(connection, clock.now(), clock.now() - clock.now())) == []
    engine.dispose()
    assert any("event_undispatched" in one for one in plans(path, run))


def test_the_revisions_make_the_very_indexes_the_code_asks_for(tmp_path: Path) -> None:
    """A partial index is taken only where its condition stands in the query, word for word."""
    migrations.upgrade(tmp_path / "migrated.db")
    wanted = create_engine(f"sqlite:///{tmp_path / 'wanted.db'}")
    schema.metadata.create_all(wanted)
    wanted.dispose()
    made = []
    for name in ("migrated.db", "wanted.db"):
        with closing(sqlite3.connect(tmp_path / name)) as file:
            rows = file.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index'")
            made.append({name: " ".join(sql.split()) for name, sql in rows if sql})
    assert made[0] == made[1]
    partial = [name for name, sql in made[0].items() if " WHERE " in sql]
    assert len(partial) >= 6


async def test_what_nobody_will_ever_see_is_not_among_the_open_effects(tmp_path: Path) -> None:
    path = tmp_path / "sluice.db"
    ledger = await opened(path)
    mark = Effect("k", "registry.mark", "registry:main/x", "stage", "Staging", "d", "cause")
    open_one = replace(mark, key="open", state="done")
    for number in range(50):
        held_back = replace(mark, key=f"suppressed-{number}", state="suppressed")
        told = replace(mark, key=f"told-{number}", field="", state="done")
        for one in (held_back, told):
            await ledger.effects.begin(one)
    await ledger.effects.begin(open_one)
    assert await ledger.snapshots.open_effects("registry:") == [open_one]
    sent = replace(mark, key="suppressed-0", state="sending", attempt=1)
    await ledger.effects.save(sent)
    assert set(await seen(ledger)) == {"open", "suppressed-0"}, "another mode lets it go"
    await ledger.close()
    with closing(sqlite3.connect(path)) as file:
        held = file.execute(
            "SELECT count(*) FROM effect INDEXED BY effect_open"
            " WHERE closed IS NULL AND field != '' AND state != 'suppressed' AND state != 'todo'"
        ).fetchone()
    assert held == (2,)


async def seen(ledger: Ledger) -> list[str]:
    return [one.key for one in await ledger.snapshots.open_effects("registry:")]
