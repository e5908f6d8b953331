"""A look may fail in any way: it is reported, waited out, and the next one comes."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from processor.engine.breakers import guarded
from processor.engine.dependencies import KnownStates
from processor.errors import Terminal, Unavailable
from processor.rules.pace import Rhythm
from processor.sources.findings import Findings
from processor.sources.outages import OutagesSource
from processor.sources.pace import Courses
from processor.sources.schedule import keep_looking
from processor.testing.clock import JumpingClock


@dataclass
class Looking:
    """A look whose answers are scripted; the last one repeats."""

    script: list[Mapping[str, str] | Exception]
    clock: JumpingClock = field(default_factory=JumpingClock)
    looks: list[float] = field(default_factory=list)
    due: list[float] = field(default_factory=list)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    rhythm: Rhythm = field(default_factory=lambda: Rhythm(2.0))

    def __post_init__(self) -> None:
        self.courses = Courses(clock=self.clock)
        self.known = KnownStates(clock=self.clock)
        self.findings = Findings(dependencies=self.known)
        self.began = self.clock.now()

    async def look(self) -> Mapping[str, str]:
        self.looks.append((self.clock.now() - self.began).total_seconds())
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def start(self, *products: str, name: str = "look") -> "asyncio.Task[None]":
        return asyncio.create_task(
            keep_looking(
                self.look,
                course=self.courses.of(name, self.rhythm),
                products=products,
                clock=self.clock,
                findings=self.findings,
                wake=self.wake,
                until_next=self.until_next if self.due else None,
            )
        )

    async def until_next(self) -> float:
        return self.due.pop(0) if len(self.due) > 1 else self.due[0]

    async def jump(self, seconds: float) -> None:
        for _ in range(round(seconds * 2)):
            await self.clock.jump(0.5)
            for _ in range(8):  # the sleeper, the wait on it, the loop, the next look
                await asyncio.sleep(0)

    @property
    def problems(self) -> dict[str, str]:
        return {name: state.problem for name, state in self.known.states().items()}


async def stop(task: "asyncio.Task[None]") -> None:
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Terminal("MLflow refused versions/search with 400: no"), "MLflow refused versions"),
        (KeyError("surprise"), "KeyError: 'surprise'"),
    ],
)
async def test_whatever_a_look_raises_it_is_told_and_looked_again(
    error: Exception, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = Looking([{"registry": ""}, error])
    task = bench.start("registry")
    await bench.jump(200)
    assert bench.problems["registry"].startswith(f"look: {reason}")
    gaps = [after - before for before, after in zip(bench.looks, bench.looks[1:], strict=False)]
    assert gaps[:6] == [2, 4, 8, 16, 30, 30]
    said = capsys.readouterr()
    assert (said.out + said.err).count("source.failed") == 1
    bench.script = [{"registry": ""}]
    await bench.jump(31)
    assert bench.problems == {"registry": ""}
    await stop(task)


async def test_another_reason_is_logged_again(capsys: pytest.CaptureFixture[str]) -> None:
    bench = Looking([Terminal("a"), Terminal("a"), Terminal("b")])
    task = bench.start("registry")
    await bench.jump(60)
    said = capsys.readouterr()
    assert (said.out + said.err).count("source.failed") == 2
    await stop(task)


async def test_only_what_a_look_asked_is_called_up() -> None:
    bench = Looking([{}, {"forge a": ""}, {"forge a": "timeout", "forge b": ""}])
    task = bench.start("forge a", "forge b")
    await bench.jump(1)
    assert bench.problems == {}
    await bench.jump(2)
    assert bench.problems == {"forge a": ""}
    await bench.jump(2)
    assert bench.problems == {"forge a": "timeout", "forge b": ""}
    await bench.jump(10)
    assert bench.looks[-1] - bench.looks[-2] == 2, "one that is down slows no other"
    await stop(task)


async def test_an_outage_is_over_when_anyone_finds_the_product_answering() -> None:
    bench = Looking([Unavailable("registry", "refused")])
    task = bench.start("registry")
    await bench.jump(1)
    assert bench.problems == {"registry": "registry: refused"}
    bench.findings.heard("another", {"registry": ""})
    assert bench.problems == {"registry": ""}
    await stop(task)


def test_what_one_look_holds_against_a_product_is_not_hidden_by_another_look() -> None:
    known = KnownStates(clock=JumpingClock())
    findings = Findings(dependencies=known)
    findings.heard("registry.changes", {"registry": "400"})
    findings.heard("registry.models", {"registry": ""})
    assert known.states()["registry"].problem == "400"
    findings.heard("registry.changes", {"registry": ""})
    assert known.states()["registry"].problem == ""


def test_a_look_takes_back_what_it_no_longer_says() -> None:
    known = KnownStates(clock=JumpingClock())
    findings = Findings(dependencies=known)
    findings.heard("rollouts", {"cluster a": "bug", "cluster b": "bug"})
    findings.heard("rollouts", {"cluster a": ""})
    assert {name: one.problem for name, one in known.states().items()} == {
        "cluster a": "",
        "cluster b": "",
    }


async def test_only_what_did_not_answer_is_asked_whether_it_does_again() -> None:
    clock, asked = JumpingClock(), list[str]()
    known = KnownStates(clock=clock)
    down = {"forge b"}

    @dataclass
    class Forge:
        name: str

        async def check(self) -> str:
            asked.append(self.name)
            if self.name in down:
                raise Unavailable(self.name, "timeout")
            return "git 2"

    forges = {name: guarded(Forge(name), known.breaker(name)) for name in ("forge a", "forge b")}
    source = OutagesSource(
        checks={name: forge.check for name, forge in forges.items()}, to_probe=known.to_probe
    )
    for forge in forges.values():
        with suppress(Unavailable):
            await forge.check()
    asked.clear()
    for _ in range(60):
        for name in forges:
            assert await source.look(name) == {}
        await clock.jump(1)
    assert known.states()["forge b"].problem.startswith("timeout (its breaker is open")
    assert asked == ["forge b"] * 7, "at once, at once, then after 1, 2, 4, 8, 16 s"
    assert known.recovered() == ("forge a",)
    down.clear()
    await clock.jump(30)
    await source.look("forge b")
    await source.look("forge b")
    assert len(asked) == 8
    assert known.states()["forge b"].problem == ""
    assert known.recovered() == ("forge b",)


async def test_a_look_that_knows_when_it_is_worth_it_comes_then_and_at_the_latest_as_usual() -> (
    None
):
    looking = Looking([{"ledger": ""}], due=[0.5, 1.5, float("inf"), 0.0, 100.0])
    task = looking.start("ledger")
    await looking.jump(8)
    assert looking.looks == [0.5, 1.0, 2.5, 4.5, 5.0, 7.0], "the next is due at 9"
    looking.wake.set()
    await looking.jump(0.5)
    assert looking.looks[-1] < 9
    await stop(task)


async def test_who_cannot_say_when_is_looked_at_as_usual() -> None:
    looking = Looking([{"ledger": ""}], due=[0.5])

    async def broken() -> float:
        raise Terminal("no such table")

    looking.until_next = broken  # type: ignore[method-assign]
    task = looking.start("ledger")
    await looking.jump(1)
    assert looking.looks == [0.5]
    assert looking.problems == {"ledger": "look: no such table"}
    await stop(task)
