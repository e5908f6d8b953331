"""A product that does not answer is asked less and less; one that does again is known at once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pytest

from processor.engine.breakers import ENDS, Breaker, guarded
from processor.engine.calling import call
from processor.engine.dependencies import KnownStates
from processor.errors import NotSent, Terminal, Unavailable
from processor.events import Event
from processor.ports.route import Route
from processor.testing.clock import JumpingClock
from processor.testing.samples import SAMPLES

Script = list[Exception | Callable[[], Awaitable[None]]]


@dataclass
class Part:
    """A product whose answers are scripted, the last for ever; an empty script is success."""

    script: Script = field(default_factory=list)
    calls: int = 0
    name: str = "a part"

    async def check(self, what: str = "") -> str:
        self.calls += 1
        if self.script:
            answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
            if isinstance(answer, Exception):
                raise answer
            await answer()
        return f"fine {what}".strip()

    def size(self) -> int:
        return len(self.script)


def down(reason: str = "refused", *, after: float = 1.0) -> Unavailable:
    return Unavailable("registry", reason, after=after)


@dataclass
class Bench:
    clock: JumpingClock = field(default_factory=JumpingClock)
    part: Part = field(default_factory=Part)

    def __post_init__(self) -> None:
        self.known = KnownStates(clock=self.clock)
        self.breaker = self.known.breaker("registry")
        self.guarded = guarded(self.part, self.breaker)

    async def fails(self, times: int, kind: type[Exception] = Unavailable) -> None:
        for _ in range(times):
            with pytest.raises(kind):
                await self.guarded.check()

    @property
    def problem(self) -> str | None:
        state = self.known.states().get("registry")
        return None if state is None else state.problem


async def test_what_is_guarded_is_the_same_part() -> None:
    bench = Bench(part=Part([down()]))
    assert (bench.guarded.name, bench.guarded.size()) == ("a part", 1)
    bench.part.script.clear()
    assert await bench.guarded.check("indeed") == "fine indeed"
    assert await bench.guarded.check(what="by name") == "fine by name"
    assert bench.problem == ""


async def test_it_opens_after_three_failures_in_a_row_and_asks_no_more() -> None:
    bench = Bench(part=Part([down(), down(), Terminal("404"), down("a"), down("b"), down("c")]))
    await bench.fails(2)
    await bench.fails(1, Terminal)  # an answer, if a refusal: the product is there
    await bench.fails(2)
    assert bench.problem == "", "neither up nor down: nothing has changed yet"
    await bench.fails(1)
    assert bench.part.calls == 6
    for _ in range(5):
        with pytest.raises(NotSent, match="registry: not asked, it has not answered since 2026"):
            await bench.guarded.check()
    assert bench.part.calls == 6
    state = bench.known.states()["registry"]
    assert state.problem == "c (its breaker is open: one call every 1 s at most)"
    assert state.since == bench.clock.now()


async def test_one_call_is_let_through_now_and_then_and_the_first_answer_closes_it() -> None:
    bench = Bench(part=Part([down()]))
    await bench.fails(3)
    asked: list[float] = []
    for second in range(1, 200):
        await bench.clock.jump(1)
        before = bench.part.calls
        await bench.fails(2)  # of two calls at once only one is let through
        if bench.part.calls > before:
            assert bench.part.calls == before + 1
            asked.append(second)
    assert asked == [1, 3, 7, 15, 31, 61, 91, 121, 151, 181]
    bench.part.script.clear()
    await bench.fails(1, NotSent)
    await bench.clock.jump(30)
    assert bench.known.recovered() == ()
    assert not bench.known.woken.is_set()
    assert await bench.guarded.check() == "fine"
    assert bench.problem == ""
    assert bench.known.recovered() == ("registry",)
    assert bench.known.recovered() == ()
    assert bench.known.woken.is_set()


async def test_calls_that_fail_together_count_once_for_how_long_it_is_left_alone() -> None:
    gate = asyncio.Event()

    async def hangs() -> None:
        await gate.wait()
        raise down()

    bench = Bench(part=Part([hangs]))
    calls = [asyncio.create_task(bench.guarded.check()) for _ in range(32)]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(*calls, return_exceptions=True)
    await bench.fails(1, NotSent)
    await bench.clock.jump(1)
    await bench.fails(1)
    assert bench.part.calls == 33


async def test_while_the_probe_is_out_nobody_else_is_let_through() -> None:
    gate = asyncio.Event()

    async def slow() -> None:
        await gate.wait()

    bench = Bench(part=Part([down(), down(), down(), slow]))
    await bench.fails(3)
    await bench.clock.jump(1)
    probe = asyncio.create_task(bench.guarded.check())
    await asyncio.sleep(0)
    await bench.clock.jump(59)
    await bench.fails(2, NotSent)
    gate.set()
    assert await probe == "fine"
    assert await bench.guarded.check() == "fine"
    assert bench.part.calls == 5


async def test_a_probe_that_is_stopped_lets_the_next_call_be_one() -> None:
    async def hangs() -> None:
        await asyncio.Event().wait()

    bench = Bench(part=Part([down(), down(), down(), hangs, ConnectionError("a bug of theirs")]))
    await bench.fails(3)
    await bench.clock.jump(1)
    probe = asyncio.create_task(bench.guarded.check())
    await asyncio.sleep(0)
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe
    await bench.fails(1, ConnectionError)
    assert bench.problem == "", "whatever it said, it answered"


async def test_a_part_that_keeps_no_time_is_given_up_and_no_row_is_to_blame() -> None:
    async def hangs() -> None:
        await asyncio.Event().wait()

    clock, part = JumpingClock(), Part([hangs])
    one = guarded(part, Breaker(product="forge acme", clock=clock), limit=0.01)
    for _ in range(3):
        with pytest.raises(Unavailable, match=r"forge acme: gave no answer within 0\.01 s") as gone:
            await one.check()
        assert not gone.value.blames
    with pytest.raises(NotSent):
        await one.check()


async def test_who_asks_for_time_gets_it() -> None:
    bench = Bench(part=Part([down("429: too many requests", after=90)]))
    await bench.fails(3)
    with pytest.raises(NotSent) as refused:
        await bench.guarded.check()
    assert refused.value.after == 90
    await bench.clock.jump(89)
    await bench.fails(1, NotSent)
    assert not bench.known.to_probe("registry")
    await bench.clock.jump(1)
    assert bench.known.to_probe("registry")


async def test_another_name_in_the_outage_is_put_right_so_that_its_rows_are_found() -> None:
    part = Part([Unavailable("http://x", "reset", after=7)])
    one = guarded(part, Breaker(product="cluster prod", clock=JumpingClock()))
    with pytest.raises(Unavailable, match="cluster prod: reset") as outage:
        await one.check()
    assert (outage.value.product, outage.value.after) == ("cluster prod", 7)


async def test_a_clock_that_is_set_back_does_not_close_the_way_for_hours() -> None:
    bench = Bench(part=Part([down()]))
    await bench.fails(3)
    bench.clock.correct(-3600)
    await bench.clock.jump(1)
    assert bench.known.to_probe("registry")


async def test_what_is_in_doubt_may_be_asked_at_once() -> None:
    bench = Bench(part=Part([down()]))
    assert not bench.known.to_probe("registry")
    assert not bench.known.to_probe("never heard of")
    await bench.fails(1)
    assert bench.known.to_probe("registry")
    await bench.fails(2)
    assert not bench.known.to_probe("registry")


async def test_only_the_breaker_says_that_its_product_is_down() -> None:
    bench = Bench(part=Part([down()]))
    bench.known.report("registry", "registry: refused")
    assert bench.problem == ""
    await bench.fails(1)
    bench.known.report("registry", "one look failed", by="registry.models")
    bench.known.report("registry", by="registry.changes")
    assert bench.problem == "", "one look fails, another succeeds: no flapping"
    await bench.fails(2)
    assert "its breaker is open" in (bench.problem or "")
    bench.known.report("registry", by="registry.changes")
    assert "its breaker is open" in (bench.problem or ""), "nor is it up because somebody says so"


async def test_what_a_look_holds_against_a_product_that_answers_stands_until_taken_back() -> None:
    bench = Bench()
    await bench.guarded.check()
    bench.known.report("registry", "400: what is this?", by="registry.models")
    await bench.guarded.check()
    bench.known.report("registry", by="registry.changes")
    assert bench.problem == "400: what is this?"
    bench.known.report("registry", by="registry.models")
    assert bench.problem == ""


async def test_a_call_ends_just_before_the_turn_that_waits_for_it() -> None:
    async def hangs() -> None:
        await asyncio.Event().wait()

    one = guarded(Part([hangs]), Breaker(product="endpoint chat", clock=JumpingClock()))

    async def tells(_: Event) -> Sequence[Event]:
        await one.check()
        return []

    route = Route(kind=Event, name="announce", handler=tells, lane=lambda _: "x", limit=0.2)
    with pytest.raises(Unavailable, match=r"endpoint chat: gave no answer within 0\.1") as gone:
        await asyncio.create_task(call(route, SAMPLES[0]))
    assert not gone.value.blames
    assert ENDS.get() is None, "and nobody else's calls are shorter for it"
