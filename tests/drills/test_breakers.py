"""An hour without one product, in virtual time: few calls reach it, no row dies, none is blamed."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

import pytest

from processor.app.outside import Outside
from processor.engine.dependencies import KnownStates
from processor.errors import Unavailable
from tests.drills.virtual import Bench, running
from tests.report import Row, tell
from tests.simulation.loop import virtually
from tests.simulation.program import quiet_log

_BEFORE, _MEANWHILE = 10, 20  # models that come before and during the outage

Trouble = Callable[[], Awaitable[None]]


def hanging(product: str) -> Trouble:
    """Give no answer, until the adapter's own patience is over."""

    async def trouble() -> None:
        await asyncio.sleep(30)
        raise Unavailable(product, "gave no answer within 30 s")

    return trouble


def deaf(_: str) -> Trouble:
    """Give no answer, ever: nobody below the breaker keeps the time."""

    async def trouble() -> None:
        await asyncio.Event().wait()

    return trouble


def broken(product: str) -> Trouble:
    """Answer 503, at once."""

    async def trouble() -> None:
        raise Unavailable(product, "answered 503: try later")

    return trouble


def probes(minutes: int) -> int:
    """Return how many there are: after 1, 2, 4, 8, 16 and then every 30 s."""
    return 5 + minutes * 60 // 30


async def minutes_without(
    product: str, trouble: Trouble, bench: Bench, minutes: int = 60
) -> tuple[int, set[tuple[datetime, bool]]]:
    """Let a product be out of reach in the middle of everything; return the calls that reached it
    and since when it was known to be down, each moment somebody said so."""
    models = iter(bench.models)
    for _ in range(_BEFORE):
        bench.register(model := next(models), f"run-{model}")
    await asyncio.sleep(4)
    wire = bench.wires[product]
    before = wire.calls.total()
    wire.trouble = trouble
    since: set[tuple[datetime, bool]] = set()
    for minute in range(minutes):
        for _ in range(_MEANWHILE // minutes or minute < _MEANWHILE):
            bench.register(model := next(models), f"run-{model}")
        await asyncio.sleep(60)
        if minute >= 3:
            state = bench.program.site.known.dependencies.states()[product]
            since.add((state.since, bool(state.problem)))
    wire.trouble = None
    return wire.calls.total() - before, since


async def judged(bench: Bench) -> tuple[float, Counter[str], int]:
    """Wait until all is done and look at what came of it: everything once."""
    took = await bench.until_quiet(within=600)
    opened = Counter(what.partition(" ")[0] for what in bench.writes)
    assert (opened["open"], opened["merge"]) == (len(bench.models), len(bench.models))
    assert max(Counter(bench.told).values()) == 1
    rows = await bench.rows()
    assert set(rows) == {"done"}
    [(blamed,)] = await bench.select("SELECT max(blamed) FROM work")
    return took, rows, int(blamed)


@pytest.mark.parametrize(
    ("product", "kind"),
    [
        ("forge local", broken),
        pytest.param("registry", hanging, marks=pytest.mark.soak),
        pytest.param("registry", deaf, marks=pytest.mark.soak),
        pytest.param("forge local", deaf, marks=pytest.mark.soak),
        pytest.param("cluster prod", hanging, marks=pytest.mark.soak),
        pytest.param("endpoint log", broken, marks=pytest.mark.soak),
        pytest.param("endpoint log", hanging, marks=pytest.mark.soak),
    ],
)
def test_an_hour_without_a_product_costs_it_few_calls_and_us_no_row(
    tmp_path: Path, product: str, kind: Callable[[str], Trouble]
) -> None:
    async def drill() -> None:
        async with running(tmp_path, _BEFORE + _MEANWHILE) as bench:
            calls, since = await minutes_without(product, kind(product), bench)
            assert len(since) == 1, "down once, and no flapping"
            [(_, down)] = since
            took, rows, blamed = await judged(bench)
            tell(
                Row(
                    drill=f"an hour without {product} ({kind.__name__})",
                    size=f"{len(bench.models)} promotions, {rows['done']} rows",
                    ours=f"0 dead, {blamed} blamed, {calls} calls reached it (with at most "
                    f"{probes(60)} probes); all done {took:.0f} s after its end",
                    control="",
                )
            )
            assert down
            assert blamed == 0
            assert calls <= probes(60) + 32 + 8, "what was under way, and probes"

    with quiet_log():
        virtually(drill())


def test_control_without_breakers_it_is_asked_by_everybody_who_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unguarded(outside: Outside, _: KnownStates) -> Outside:
        return outside

    monkeypatch.setattr("processor.app.program.guarded_outside", unguarded)

    async def drill() -> None:
        async with running(tmp_path, _BEFORE + _MEANWHILE) as bench:
            trouble = broken("forge local")
            calls, _ = await minutes_without("forge local", trouble, bench, minutes=10)
            tell(
                Row(
                    drill="ten minutes without forge local, no breakers",
                    size=f"{len(bench.models)} promotions",
                    ours="",
                    control=f"{calls} calls reached it (probes would be {probes(10)})",
                )
            )
            assert calls > 5 * probes(10)

    with quiet_log():
        virtually(drill())
