"""One switch stops every write, and watching writes nothing: judged by what the outside was asked.

The pause runs in virtual time over an outside in memory, the modes over a real MLflow server
(through a proxy that notes every request) and real git (all refs compared).
"""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from processor.engine.effects.door import Door
from processor.ports.effect_log import Cause
from processor.values.effect import Effect
from tests.drills.virtual import Bench, running
from tests.drills.watched import Watched, watched
from tests.parts.mlflow import MlflowServer
from tests.report import Row, tell
from tests.simulation.loop import virtually
from tests.simulation.program import quiet_log

_UNDER_WAY, _ARRIVING = 20, 100
_KEY = "main/default/{}"


async def _hundred_arrive(bench: Bench) -> tuple[list[str], list[str]]:
    """Pause in the middle of some promotions, let a hundred more events come, and restart once;
    return what was written meanwhile and what people were told."""
    models = iter(bench.models)
    for _ in range(_UNDER_WAY):
        bench.register(model := next(models), f"run-{model}")
    await asyncio.sleep(4)
    await bench.pause()
    await asyncio.sleep(0.05)  # one request may just be leaving
    written, told = len(bench.writes), len(bench.told)
    for arrived in range(_ARRIVING):
        bench.register(model := next(models), f"run-{model}")
        await asyncio.sleep(3)
        if arrived == _ARRIVING // 2:
            await bench.stop()
            await bench.start()
    await asyncio.sleep(60)
    return bench.writes[written:], bench.told[told:]


def test_after_pause_nothing_is_written_and_after_resume_everything_due_once(
    tmp_path: Path,
) -> None:
    async def drill() -> None:
        async with running(tmp_path, _UNDER_WAY + _ARRIVING) as bench:
            meanwhile, told = await _hundred_arrive(bench)
            assert meanwhile == []
            known = bench.program.site.known
            assert "sluice resume" in known.dependencies.states()["writes"].problem
            about = [await known.log.get(key.rpartition(":")[2]) for key in told]
            kinds = {one.event.kind for one in about if one is not None}
            assert kinds <= {"writes.paused"}, "news of the program itself, and no other"
            before = len(bench.writes)
            resumed = bench.clock.steady()
            await bench.resume()
            while len(bench.writes) == before:
                await asyncio.sleep(0.05)
            first = bench.clock.steady() - resumed
            assert first <= 1.5
            took = await bench.until_quiet(within=600)
            done = Counter(what.partition(" ")[0] for what in bench.writes)
            models = len(bench.models)
            assert (done["open"], done["merge"]) == (models, models)
            marks = Counter(what for what in bench.writes if " of m" in what)
            assert max(marks.values()) == 1
            assert max(Counter(bench.told).values()) == 1
            assert set(await bench.rows()) == {"done"}
            assert known.dependencies.states()["writes"].problem == ""
            tell(
                Row(
                    drill="paused while 100 events arrive, with a restart",
                    size=f"{models} promotions, {_UNDER_WAY} of them under way",
                    ours=f"0 writes while paused; the first {first:.2f} s after resume, all "
                    f"{len(bench.writes)} once within {took:.0f} s",
                    control="",
                )
            )

    with quiet_log():
        virtually(drill())


def test_control_a_door_that_does_not_ask_for_pauses_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def goes_on(_: Door, _effect: Effect, _cause: Cause) -> None:
        """Ask nobody."""

    monkeypatch.setattr(Door, "_going_on", goes_on)

    async def drill() -> None:
        async with running(tmp_path, _UNDER_WAY + _ARRIVING) as bench:
            meanwhile, _ = await _hundred_arrive(bench)
            tell(
                Row(
                    drill="paused, and the door does not ask",
                    size=f"{len(bench.models)} promotions",
                    ours="",
                    control=f"{len(meanwhile)} writes while paused",
                )
            )
            assert len(meanwhile) > _ARRIVING

    with quiet_log():
        virtually(drill())


def test_a_pause_of_one_model_leaves_the_others_going(tmp_path: Path) -> None:
    async def drill() -> None:
        async with running(tmp_path, 6) as bench:
            for model in bench.models:
                bench.register(model, f"run-{model}")
            await asyncio.sleep(0.5)
            await bench.pause(_KEY.format("m0"))
            await asyncio.sleep(120)
            others = set(bench.models) - {"m0"}
            assert bench.serving() == others
            about_m0 = [what for what in bench.writes if "m0" in what]
            states = bench.program.site.known.dependencies.states()
            assert "sluice resume --model m0" in states["writes of main/default/m0"].problem
            await asyncio.sleep(300)
            assert [what for what in bench.writes if "m0" in what] == about_m0
            await bench.resume(_KEY.format("m0"))
            await bench.until_quiet(within=120)

    with quiet_log():
        virtually(drill())


def test_two_pauses_end_one_by_one(tmp_path: Path) -> None:
    async def drill() -> None:
        async with running(tmp_path, 2) as bench:
            await bench.pause()
            await bench.pause(_KEY.format("m0"))
            for model in bench.models:
                bench.register(model, f"run-{model}")
            await asyncio.sleep(60)
            assert bench.writes == []
            await bench.resume()
            await asyncio.sleep(60)
            assert bench.serving() == {"m1"}
            await bench.resume(_KEY.format("m0"))
            await bench.until_quiet(within=120)

    with quiet_log():
        virtually(drill())


@pytest.mark.real
async def test_observing_only_reads_and_full_mode_catches_up(
    tmp_path: Path, mlflow_server: MlflowServer
) -> None:
    async with watched(tmp_path, mlflow_server) as outside:
        run, asked_run = await _runs(outside)
        async with outside.running("observe") as seen:
            await outside.emit(asked_run, "fraud-asked")
            await outside.register_by_hand(run, "fraud")
            await outside.until(
                seen, "SELECT count(*) FROM event WHERE type = 'sluice.promotion.requested.v1'"
            )
            await outside.until_calm(seen)
            suppressed = (await seen.counts.summary()).effects
        assert outside.written_to_mlflow() == []
        assert outside.asked_of_mlflow() > 0
        assert outside.forge.wrote == []
        assert await outside.refs() == outside.refs_before
        assert suppressed.keys() == {"suppressed", "done"}, "people are told in every mode"
        assert outside.told > 0

        async with outside.running("full") as seen:
            await outside.until(
                seen, "SELECT count(*) FROM event WHERE type = 'sluice.rollout.succeeded.v1'"
            )
            await outside.until_calm(seen)
            await outside.emit(asked_run, "fraud-asked", time=2)
            await outside.until(
                seen,
                "SELECT count(*) FROM event WHERE type = 'sluice.model_version.registered.v1'"
                " AND subject LIKE 'main/default/fraud-asked/%'",
            )
            changed = await seen.log.of_key("main/default/fraud")
            assert [one.event.kind for one in changed].count("mode.changed") == 1
        marks = outside.written_to_mlflow()
        merges = await outside.merges()
        assert marks
        assert merges == 1
        tell(
            Row(
                drill="observe, then full, over MLflow and git",
                size="a training event, a version by hand",
                ours=f"0 writes among {outside.asked_while('observe')} requests while observing, "
                f"{suppressed['suppressed']} suppressed; then {len(marks)} writes to MLflow, "
                f"{len(outside.forge.wrote)} to the forge, {merges} merge",
                control="",
            )
        )


async def _runs(outside: Watched) -> tuple[str, str]:
    """Let two runs end well; return their ids."""
    found = [await outside.train() for _ in range(2)]
    return found[0], found[1]
