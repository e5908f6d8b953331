"""Sealing takes old events out, and everything that anybody may ask still has its answer."""

import gc
import gzip
import json
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from processor.adapters.ledgers import (
    comparing,
    copying,
    exports,
    refolding,
    schema,
    sealing,
    verifying,
)
from processor.adapters.ledgers.sealing import Sealed, seal
from processor.errors import Refused, Terminal
from processor.events import EvaluationStarted, Event, TargetHeld
from processor.events.codec import decode_own
from processor.testing.clock import JumpingClock
from processor.values.about import About
from processor.values.effect import Effect, EffectClosing, EffectState
from processor.values.promotion import Promotion
from processor.values.record import VersionRecord
from processor.values.serving import Serving
from processor.views.as_of import as_of
from processor.views.history import history
from tests.ledger.filled import fill, no_turn, one_turn, opened, promoted, say, views_of
from tests.make import SLOT, a_version, registered, requested
from tests.views.world import World

AGE = timedelta(days=180)
LONG = 181 * 86400.0
KEY = "main/default/fraud"


async def old_and_new(path: Path, clock: JumpingClock) -> list[Event]:
    """Make a ledger with a promoted version long ago and another version now."""
    ledger = await opened(path, clock)
    version = a_version("1")
    told: list[Event] = [registered(version), *promoted(version)]
    await say(ledger, *told)
    await clock.jump(LONG)
    await say(ledger, registered(a_version("2")))
    await ledger.close()
    return told


def sealed(path: Path, clock: JumpingClock) -> Sealed:
    return seal(path, "main", path.parent / "exports", clock.now(), AGE)


async def test_old_events_move_to_a_file_and_the_views_stay(tmp_path: Path) -> None:
    path, clock = tmp_path / "sluice.db", JumpingClock()
    told = await old_and_new(path, clock)
    before = views_of(path)
    done = sealed(path, clock)
    assert (done.events, done.first, done.last) == (5, 1, 5)
    assert views_of(path) == before
    with gzip.open(done.file, "rt") as lines:
        documents = [json.loads(line) for line in lines]
    assert [decode_own(one) for one in documents] == told
    assert {one["specversion"] for one in documents} == {"1.0"}
    assert [one["pos"] for one in documents] == [1, 2, 3, 4, 5]
    manifest = json.loads((tmp_path / "exports/sluice-main-1-5.manifest.json").read_text())
    assert manifest["sha256"] == exports.digest_of(Path(done.file))
    assert (manifest["count"], manifest["last_hash"]) == (5, documents[-1]["hash"])
    ledger = await opened(path, clock)
    assert [one.pos for one in await ledger.log.of_key(KEY)] == [6]
    serving = await ledger.views.get(Serving, SLOT.key)
    assert serving is not None
    assert serving.version == a_version("1")
    await fill(ledger, 3)
    assert [one.pos for one in await ledger.log.page(0, 10)] == [6, 7]
    await ledger.close()


async def test_a_repeat_of_a_sealed_event_is_never_news_and_another_is(tmp_path: Path) -> None:
    path, clock = tmp_path / "sluice.db", JumpingClock()
    told = await old_and_new(path, clock)
    sealed(path, clock)
    ledger = await opened(path, clock)
    assert (await ledger.log.append(told)).new == ()
    mixed = [*told, registered(a_version("9"))]
    assert len((await ledger.log.append(mixed)).new) == 1
    await ledger.close()


async def test_the_chain_goes_on_across_the_seal_and_the_export_proves_the_rest(
    tmp_path: Path,
) -> None:
    path, clock = tmp_path / "sluice.db", JumpingClock()
    await old_and_new(path, clock)
    with copying.connected(path) as connection:
        whole = verifying.chain(connection)
    file = Path(sealed(path, clock).file)
    with copying.connected(path) as connection:
        alone = verifying.chain(connection)
        proven = verifying.chain(connection, [file])
    assert (alone.problems, proven.problems) == ((), ())
    assert alone.hash == proven.hash == whole.hash
    assert (alone.checked, alone.sealed, proven.checked) == (1, 5, 6)
    text = gzip.decompress(file.read_bytes()).decode()
    for wrong in (text.replace("run-1", "run-7"), text.partition("\n")[2], text + text):
        file.write_bytes(gzip.compress(wrong.encode()))
        with copying.connected(path) as connection:
            assert verifying.chain(connection, [file]).problems
    file.write_bytes(b"not gzip")
    with copying.connected(path) as connection, pytest.raises(Terminal, match="cannot be read"):
        verifying.chain(connection, [file])


async def test_a_refold_begins_where_the_seal_ended_and_may_begin_at_the_exports(
    tmp_path: Path,
) -> None:
    path, clock = tmp_path / "sluice.db", JumpingClock()
    await old_and_new(path, clock)
    files = [Path(sealed(path, clock).file)]
    ledger = await opened(path, clock)
    await say(ledger, *promoted(a_version("2"), "2"), registered(a_version("3")))
    await ledger.close()
    await clock.jump(LONG)
    files.append(Path(sealed(path, clock).file))
    with copying.connected(path, writing=True) as connection:
        comparing.remember(connection)
        assert refolding.refold(connection) == 1
        assert comparing.differences(connection) == []
        connection.execute(delete(schema.checkpoint))
        refolding.refold(connection)
        lost = comparing.differences(connection)
        assert {one.view for one in lost} >= {"promotion", "serving"}, "it does begin there"
        with pytest.raises(Terminal, match="10 events were sealed, and these exports hold 5"):
            refolding.unseal(connection, files[:1])
        assert refolding.unseal(connection, files[::-1]) == 10
        refolding.refold(connection)
        assert comparing.differences(connection) == []


async def test_a_checkpoint_that_newer_code_cannot_read_names_the_way_out(tmp_path: Path) -> None:
    path, clock = tmp_path / "sluice.db", JumpingClock()
    await old_and_new(path, clock)
    sealed(path, clock)
    with copying.connected(path, writing=True) as connection:
        connection.exec_driver_sql("UPDATE checkpoint SET data = '{}' WHERE view = 'promotion'")
        connection.exec_driver_sql("UPDATE meta SET value = '0' WHERE name = 'fold_version'")
    with pytest.raises(Terminal, match="`sluice db refold --export FILE` with every export"):
        await opened(path, clock)


async def test_what_is_still_open_keeps_its_events_and_says_so(tmp_path: Path) -> None:
    async def stopped(name: str, *told: Event, unfinished: bool = False) -> Sealed:
        folder = tmp_path / name
        folder.mkdir()
        path, clock = folder / "sluice.db", JumpingClock()
        ledger = await opened(path, clock)
        await fill(ledger, 1)
        for one in told:
            await ledger.log.append([one])
        await ledger.log.place(100)
        await ledger.work.dispatch(one_turn if unfinished else no_turn)
        await clock.jump(LONG)
        await fill(ledger, 8)
        await ledger.close()
        return sealed(path, clock)

    version = a_version("1")
    judging = EvaluationStarted.model_validate(
        {
            "head": EvaluationStarted.heading(About.of(version), "1"),
            "version": version,
            "policy_digest": "d",
            "results": (),
            "pending": ("scan.completed",),
            "due": "2027-01-01T00:00:00Z",
        }
    )
    found = {
        "promotion": await stopped("promotion", requested(version)),
        "judging": await stopped("judging", judging),
        "work": await stopped("work", registered(a_version("2")), unfinished=True),
        "nothing": await stopped("nothing", registered(a_version("2"))),
    }
    assert {name: one.last for name, one in found.items()} == {
        "promotion": 1,
        "judging": 1,
        "work": 1,
        "nothing": 2,
    }
    assert "is still requested" in found["promotion"].stopped
    assert "is still being judged" in found["judging"].stopped
    assert "is ready" in found["work"].stopped
    assert found["nothing"].stopped == "place 3: it is younger than that"


async def doubted(folder: Path, *, closed: bool = False, **more: Any) -> Sealed:
    """Seal a ledger in which an old event led to a merge whose answer was lost."""
    folder.mkdir()
    path, clock = folder / "sluice.db", JumpingClock()
    ledger = await opened(path, clock)
    told = registered(a_version("1"))
    await say(ledger, told)
    merge = Effect("merge:1", "proposal.merge", "forge:local/p/1", "", "x", "d", told.head.id)
    await ledger.effects.begin(merge)
    quiet = clock.now() + timedelta(seconds=60)
    sent = {"state": "ambiguous", "attempt": 1, "sent_at": clock.now(), "quiet_until": quiet}
    await ledger.effects.save(replace(merge, **{**sent, **more}))
    if closed:
        await ledger.log.append((), closings=[EffectClosing(merge.key, "seen")])
    await clock.jump(LONG)
    await fill(ledger, 2)
    await ledger.close()
    return sealed(path, clock)


async def test_a_write_whose_answer_was_lost_for_good_stops_nothing_behind_its_quiet_window(
    tmp_path: Path,
) -> None:
    """Nobody asks a second time what became of it: what it did was told by events long ago."""
    late: dict[str, Any] = {"quiet_until": datetime(2099, 1, 1, 12, tzinfo=UTC)}
    found = {
        "quiet": await doubted(tmp_path / "a"),
        "sending": await doubted(tmp_path / "b", state="sending"),
        "doubtful": await doubted(tmp_path / "c", **late),
        "closed": await doubted(tmp_path / "d", **late, closed=True),
    }
    done = {name: one.events for name, one in found.items()}
    print(f"sealed: {done}; {found['doubtful'].stopped}")
    assert done == {"quiet": 1, "sending": 1, "doubtful": 0, "closed": 1}
    assert found["doubtful"].stopped == (
        "place 1: the write proposal.merge of forge:local/p/1 is in doubt until "
        "2099-01-01T12:00:00Z"
    )


async def test_effects_that_say_what_exists_stay_and_those_of_a_sealed_cause_go(
    tmp_path: Path,
) -> None:
    path, clock = tmp_path / "sluice.db", JumpingClock()
    ledger = await opened(path, clock)
    told = registered(a_version("1"))
    await say(ledger, told)
    cause = told.head.id
    for key in (f"mark:{cause}:x", "register:main/default/fraud:run-1", f"tell:log:{cause}"):
        field = "stage" if key.startswith("mark") else ""
        effect = Effect(key, "kind", "subject", field, "x", "d", cause)
        await ledger.effects.begin(effect)
        await ledger.effects.save(Effect(**{**effect.__dict__, "state": "done"}))
    await ledger.log.append((), closings=[EffectClosing(f"mark:{cause}:x", "seen")])
    left_over: tuple[tuple[str, EffectState], ...] = (
        (f"mark:{cause}:held-back", "suppressed"),
        (f"mark:{cause}:given-up", "todo"),
        (f"mark:{cause}:unseen", "done"),
        ("register:main/default/fraud:run-2", "suppressed"),
    )
    for key, state in left_over:
        effect = Effect(key, "kind", "subject", "stage", "x", "d", cause)
        await ledger.effects.begin(replace(effect, state=state))
    await clock.jump(LONG)
    await fill(ledger, 2)
    await ledger.close()
    assert sealed(path, clock).events == 1
    ledger = await opened(path, clock)
    left = {one.key for one in await ledger.effects.of_cause(cause)}
    registers = {f"register:main/default/fraud:run-{number}" for number in (1, 2)}
    assert left == {*registers, f"mark:{cause}:unseen"}, "a source may yet see that one"
    await ledger.close()


async def test_a_crash_between_file_and_ledger_is_made_good_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, clock = tmp_path / "sluice.db", JumpingClock()
    await old_and_new(path, clock)
    before = views_of(path)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(sealing, "_take_out", crash)
        with pytest.raises(KeyboardInterrupt):
            sealed(path, clock)
    with copying.connected(path) as connection:
        assert (verifying.chain(connection).checked, verifying.chain(connection).sealed) == (6, 0)
    assert sealed(path, clock).events == 5
    assert views_of(path) == before
    assert sealed(path, clock).stopped == "place 6: it is younger than that"
    await clock.jump(LONG)
    assert "the newest event always stays" in sealed(path, clock).stopped


async def test_nothing_is_removed_when_the_export_does_not_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, clock = tmp_path / "sluice.db", JumpingClock()
    await old_and_new(path, clock)
    real = exports.line
    monkeypatch.setattr(exports, "line", lambda *row: real(*row).replace("run-1", "run-2"))
    with pytest.raises(Terminal, match="nothing removed"):
        sealed(path, clock)
    ledger = await opened(path, clock)
    assert len(await ledger.log.of_key(KEY)) == 6
    await ledger.close()


async def test_questions_about_sealed_days_name_the_file_and_later_ones_are_answered(
    tmp_path: Path,
) -> None:
    path, clock = tmp_path / "sluice.db", JumpingClock()
    long_ago = clock.now()
    await old_and_new(path, clock)
    file = sealed(path, clock).file
    ledger = await opened(path, clock)
    world = World(clock=clock)
    known = replace(world.known, views=ledger.views, log=ledger.log)
    with pytest.raises(Refused, match=f"was exported .* read it in {file}"):
        await as_of(known, KEY, long_ago - timedelta(days=1))
    then = await as_of(known, KEY, clock.now())
    for kind, key in ((VersionRecord, a_version("1").path), (Serving, SLOT.key)):
        assert await then.views.get(kind, key) == await ledger.views.get(kind, key)
    assert len(await then.views.find(Promotion)) == 1
    entries = await history(known, "fraud")
    assert [(one.pos, one.kind) for one in entries] == [
        (5, "sealed"),
        (6, "model_version.registered"),
    ]
    assert file in entries[0].text
    await ledger.close()


async def many(path: Path, events: int, clock: JumpingClock) -> None:
    """Make a ledger of large old events about one thing: the views stay small."""
    ledger = await opened(path, clock)
    version = a_version("1")
    await say(ledger, registered(version))
    about = About("main", "default", "fraud", target="production")
    for first in range(0, events, 500):
        held = [
            TargetHeld(
                head=TargetHeld.heading(about, str(number)),
                target="production",
                reason=f"{number} " + "because of a long story " * 40,
            )
            for number in range(first, first + 500)
        ]
        await ledger.log.append(held)
    while await ledger.log.place(500):
        pass
    while await ledger.work.dispatch(no_turn):
        pass
    await clock.jump(LONG)
    await fill(ledger, 2)
    await ledger.close()


def most(job: Callable[[], object]) -> int:
    """Return how many bytes Python held at most while a job ran, beyond what it held before."""
    gc.collect()
    tracemalloc.start()
    try:
        job()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def test_four_times_the_events_are_sealed_and_refolded_in_the_same_memory(
    tmp_path: Path,
) -> None:
    peaks: dict[str, list[int]] = {"seal": [], "refold": [], "unseal": []}
    for events in (500, 2000):
        path, clock = tmp_path / f"{events}" / "sluice.db", JumpingClock()
        path.parent.mkdir()
        await many(path, events, clock)
        with copying.connected(path, writing=True) as connection:
            peaks["refold"].append(most(partial(refolding.refold, connection)))
        done: list[Sealed] = []
        peaks["seal"].append(most(lambda: done.append(sealed(path, clock))))  # noqa: B023 - at once
        assert done[0].events == events + 1
        files = [Path(done[0].file)]
        with copying.connected(path, writing=True) as connection:
            comparing.remember(connection)
            peaks["unseal"].append(most(partial(refolding.unseal, connection, files)))
            refolding.refold(connection)
            assert comparing.differences(connection) == []
    print({name: [f"{one / 2**20:.1f} MiB" for one in both] for name, both in peaks.items()})
    for name, (small, large) in peaks.items():
        assert large < 1.5 * small, name
