"""Awaited gates: what another system said becomes an answer, once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from processor.adapters.ledgers import Ledger
from processor.events import EvaluationStarted, ForeignReported, GateFinished
from processor.policy.policy import Policies
from processor.ports.log import Recorded
from processor.sources.gates import GatesSource
from processor.sources.ruled import Ruled
from processor.testing.clock import JumpingClock
from processor.testing.evaluator import MemoryEvaluator
from processor.values.about import About
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


async def awaited(ledger: Ledger, clock: JumpingClock) -> None:
    version = a_version()
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
    assert await source.look() == {"ledger": ""}
    assert await ledger.log.of_type(GateFinished, key) == []
    await ledger.log.append([reported("fraud", "2"), reported("fraud", "1")])
    for _ in range(2):
        await source.look()
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
        assert await source.look() == {"ledger": ""}
    said = capsys.readouterr()
    assert (said.out + said.err).count("ruled by both 'f*d' and 'fr*'") == 1
    await ledger.close()
