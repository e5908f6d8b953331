"""A look may fail in any way: it is reported, waited out, and the next one comes."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from processor.engine.dependencies import KnownStates
from processor.errors import Terminal, Unavailable
from processor.sources.findings import Findings
from processor.sources.outages import OutagesSource
from processor.sources.schedule import keep_looking
from processor.testing.clock import JumpingClock


@dataclass
class Looking:
    """A look whose answers are scripted; the last one repeats."""

    script: list[Mapping[str, str] | Exception]
    clock: JumpingClock = field(default_factory=JumpingClock)
    looks: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
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
                name=name,
                products=products,
                every=2.0,
                clock=self.clock,
                findings=self.findings,
                wake=asyncio.Event(),
            )
        )

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


async def test_only_what_is_down_is_asked_whether_it_is_back() -> None:
    known = KnownStates(clock=JumpingClock())
    asked: list[str] = []
    answers: dict[str, Exception | None] = {"forge a": None, "forge b": None}

    def check(name: str) -> object:
        async def ask() -> str:
            asked.append(name)
            if problem := answers[name]:
                raise problem
            return "git 2"

        return ask

    checks = {name: check(name) for name in answers}
    source = OutagesSource(checks=checks, dependencies=known)  # type: ignore[arg-type]
    known.report("forge a")
    assert await source.look() == {}
    known.report("forge b", "forge b: timeout")
    known.report("cluster c", "not ours to ask")
    answers["forge b"] = Unavailable("forge b", "timeout")
    assert await source.look() == {"forge b": "forge b: timeout"}
    answers["forge b"] = None
    assert await source.look() == {"forge b": ""}
    assert asked == ["forge b", "forge b"]
