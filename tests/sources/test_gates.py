"""Awaited gates: what another system said becomes an answer, once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import Connection, text

from processor.adapters.ledgers import Ledger
from processor.events import EvaluationStarted, Event, ForeignReported, GateFinished, TargetHeld
from processor.policy.policy import Policies
from processor.ports.log import EventLog, Recorded
from processor.ports.views import Views
from processor.sources.gates import GatesSource, may_answer
from processor.sources.ruled import Ruled
from processor.testing.clock import JumpingClock
from processor.testing.evaluator import MemoryEvaluator
from processor.testing.samples import SAMPLES
from processor.values.about import About
from processor.values.deadline import Deadline
from tests.ledger.test_reading import reported
from tests.make import a_policy, a_version, registered

AWAITING = a_policy(gates=[{"event": "scan.completed"}])


@dataclass
class NoHistory:
    """A log that hands out no whole history."""

    ledger: Ledger

    def __getattr__(self, name: str) -> object:
        return getattr(self.ledger.log, name)

    async def of_key(self, *_: object) -> Sequence[Recorded]:
        raise AssertionError("a whole history was read")


@dataclass
class Watched:
    """Views or a log that count what is asked of them."""

    real: Any
    asked: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        self.asked.append(name)
        return getattr(self.real, name)


async def awaited(ledger: Ledger, clock: JumpingClock, model: str = "fraud") -> None:
    version = a_version(model=model)
    await ledger.log.append([registered(version)])
    started = EvaluationStarted(
        head=EvaluationStarted.heading(About.of(version), "x"),
        version=version,
        policy_digest="d",
        results=(),
        pending=("scan.completed",),
        due=clock.now() + timedelta(hours=1),
    )
    await ledger.log.append([started])


async def test_a_report_is_an_answer_and_only_reports_are_read(tmp_path: Path) -> None:
    clock = JumpingClock()
    ledger = await Ledger.open(tmp_path / "sluice.db", "main", clock)
    await awaited(ledger, clock)
    log = NoHistory(ledger)
    source = GatesSource(
        views=ledger.views,
        policies=Ruled(Policies((AWAITING,))),
        log=log,  # type: ignore[arg-type]
        evaluator=MemoryEvaluator(),
    )
    key = "main/default/fraud"
    assert await source.look_reports() == {"ledger": ""}
    assert await ledger.log.of_type(GateFinished, key) == []
    await ledger.log.append([reported("fraud", "2"), reported("fraud", "1")])
    for _ in range(2):
        await source.look_reports()
    (answer,) = await ledger.log.of_type(GateFinished, key)
    cause = [one.event for one in await ledger.log.of_type(ForeignReported, key)][1]
    assert answer.event.head.cause == cause.head.id
    await ledger.close()


async def test_a_tie_is_told_once_and_ends_no_look(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = JumpingClock()
    ledger = await Ledger.open(tmp_path / "sluice.db", "main", clock)
    await awaited(ledger, clock)
    tied = Ruled(Policies(tuple(AWAITING.model_copy(update={"models": n}) for n in ("f*d", "fr*"))))
    source = GatesSource(
        views=ledger.views, policies=tied, log=ledger.log, evaluator=MemoryEvaluator()
    )
    for _ in range(3):
        assert await source.look_reports() == await source.look_programs() == {"ledger": ""}
    said = capsys.readouterr()
    assert (said.out + said.err).count("ruled by both 'f*d' and 'fr*'") == 1
    await ledger.close()


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: event.kind)
def test_what_may_answer_a_gate_wakes_the_look(event: Event) -> None:
    woken = event.kind in {"foreign.reported", "evaluation.started"}
    assert may_answer(event) == woken, event.kind


def spoil(kind: type[Event], key: str) -> Any:
    """Return a job that makes a model's newest event of a kind one of a newer program's."""

    def job(connection: Connection) -> int:
        return connection.execute(
            text(
                "UPDATE event SET data = json_set(data, '$.flavor', 'new') WHERE seq ="
                " (SELECT max(seq) FROM event WHERE model_key = :key AND type = :type)"
            ),
            {"key": key, "type": kind.type_name()},
        ).rowcount

    return job


async def test_an_event_that_cannot_be_read_delays_only_its_own_model(tmp_path: Path) -> None:
    clock = JumpingClock()
    ledger = await Ledger.open(tmp_path / "sluice.db", "main", clock)
    source = GatesSource(
        views=ledger.views,
        policies=Ruled(Policies((AWAITING.model_copy(update={"models": "*"}),))),
        log=ledger.log,
        evaluator=MemoryEvaluator(),
    )
    models = ("a", "b", "c")
    for model in models:
        await awaited(ledger, clock, model)
        await ledger.log.append([reported(model, "1")])
    assert await ledger.database.write(spoil(ForeignReported, "main/default/a")) == 1
    problem = (await source.look_reports())["ledger"]
    answers = {one: await ledger.log.of_type(GateFinished, f"main/default/{one}") for one in models}
    print(f"answered: { {model: len(told) for model, told in answers.items()} }; {problem}")
    assert [len(told) for told in answers.values()] == [0, 1, 1]
    assert problem.startswith("ledger: nobody hears of a v1: the event ")
    assert "flavor: Extra inputs are not permitted): run the program that wrote it" in problem
    await ledger.close()


async def test_nothing_is_read_of_a_model_that_waits_for_no_answer(tmp_path: Path) -> None:
    """Looked twice a second at a thousand deadlines, that is what there is time for."""
    clock = JumpingClock()
    ledger = await Ledger.open(tmp_path / "sluice.db", "main", clock)
    await awaited(ledger, clock)
    for number in range(20):
        about = About("main", "default", f"held-{number}", target="production")
        until = clock.now() + timedelta(days=1)
        head = TargetHeld.heading(about, "x")
        await ledger.log.append(
            [TargetHeld(head=head, target="production", reason="x", until=until)]
        )
    views, log = Watched(ledger.views), Watched(ledger.log)
    source = GatesSource(
        views=cast("Views", views),
        policies=Ruled(Policies((AWAITING,))),
        log=cast("EventLog", log),
        evaluator=MemoryEvaluator(),
    )
    await source.look_programs()
    assert (views.asked, log.asked) == (["find"], []), "its policy starts no program"
    await source.look_reports()
    assert (views.asked, log.asked) == (["find", "find", "get"], ["of_type"])
    assert len(await ledger.views.find(Deadline, state="open")) == 21
    assert len(await ledger.views.find(Deadline, slot="gate window", state="open")) == 1
    await ledger.close()
