"""A pause: nothing is sent that it concerns, everything else is, and both are told why."""

from pathlib import Path

import pytest

from processor import events as e
from processor.adapters.ledgers import Ledger
from processor.engine.effects.door import Door
from processor.errors import Paused, Suppressed
from processor.policy.mode import Modes
from processor.testing.clock import JumpingClock
from processor.values.about import About
from tests.engine.doors import an_effect, door, paused, resumed
from tests.make import a_version, registered

FRAUD, CHURN = "main/default/fraud", "main/default/churn"


class Outside:
    def __init__(self) -> None:
        self.sent: list[str] = []

    async def ask(self, through: Door, kind: str, cause: str) -> None:
        async def send() -> str:
            self.sent.append(cause)
            return ""

        await through.converge(an_effect(kind, f"{kind}:{cause}", cause), send, quiet=1)


async def cause_about(ledger: Ledger, model: str) -> str:
    event = registered(a_version(model=model))
    await ledger.log.append([event])
    return event.head.id


async def test_a_pause_stops_every_write_and_says_who_why_and_how_to_go_on(
    ledger: Ledger, clock: JumpingClock
) -> None:
    outside, through = Outside(), door(ledger, clock)
    about = await cause_about(ledger, "fraud")
    await paused(ledger)
    for kind in ("registry.mark", "proposal.merge", "announcement"):
        with pytest.raises(Paused) as stopped:
            await outside.ask(through, kind, about)
        assert str(stopped.value) == (
            "writes: paused by ana since 2026-01-01 00:00:00 UTC: looking into it; "
            "they go on with: sluice resume"
        )
        assert stopped.value.product == "writes"
        assert not stopped.value.blames
    with pytest.raises(Paused):
        await outside.ask(through, "registry.mark", "an event nobody knows")
    assert outside.sent == []
    await resumed(ledger)
    for kind in ("registry.mark", "proposal.merge", "announcement"):
        for _ in range(2):
            await outside.ask(through, kind, about)
    assert outside.sent == [about] * 3, "everything due happens, once"


async def test_a_pause_of_one_model_leaves_the_others_going(
    ledger: Ledger, clock: JumpingClock
) -> None:
    outside, through = Outside(), door(ledger, clock)
    fraud, churn = await cause_about(ledger, "fraud"), await cause_about(ledger, "churn")
    await paused(ledger, FRAUD)
    with pytest.raises(Paused, match="--model fraud") as stopped:
        await outside.ask(through, "registry.mark", fraud)
    assert stopped.value.product == f"writes of {FRAUD}"
    await outside.ask(through, "registry.mark", churn)
    assert outside.sent == [churn]
    await paused(ledger)
    await resumed(ledger, FRAUD)
    with pytest.raises(Paused) as still:
        await outside.ask(through, "registry.mark", fraud)
    assert still.value.product == "writes"
    await resumed(ledger)
    await outside.ask(through, "registry.mark", fraud)
    assert outside.sent == [churn, fraud]


async def test_people_are_told_what_happens_to_the_program_itself_while_it_is_paused(
    ledger: Ledger, clock: JumpingClock
) -> None:
    outside, through = Outside(), door(ledger, clock)
    kind = e.WorkDied
    died = kind(
        head=kind.heading(About("main"), "1"), handler="h", part="", event_id="x", reason="why"
    )
    await ledger.log.append([died])
    await paused(ledger)
    await outside.ask(through, "announcement", died.head.id)
    with pytest.raises(Paused):
        await outside.ask(through, "registry.mark", died.head.id)
    assert outside.sent == [died.head.id]


async def test_a_pause_survives_a_restart_and_counts_for_every_door_over_the_ledger(
    tmp_path: Path, clock: JumpingClock
) -> None:
    outside, path = Outside(), tmp_path / "shared.db"
    first = await Ledger.open(path, "main", clock)
    about = await cause_about(first, "fraud")
    await paused(first)
    await first.close()
    again = await Ledger.open(path, "main", clock)
    doors = door(again, clock), door(again, clock)
    for one in doors:
        with pytest.raises(Paused):
            await outside.ask(one, "registry.mark", about)
    await resumed(again)
    for one in doors:
        await outside.ask(one, "registry.mark", about)
    assert outside.sent == [about]
    await again.close()


async def test_control_a_door_that_does_not_ask_writes(ledger: Ledger, clock: JumpingClock) -> None:
    class Blind:
        async def find(self, *_: object, **__: object) -> list[object]:
            return []

    outside = Outside()
    await paused(ledger)
    unasking = Door(
        effects=ledger.effects,
        views=Blind(),  # type: ignore[arg-type]
        clock=clock,
        modes=Modes.written("full"),
    )
    await outside.ask(unasking, "registry.mark", "x")
    assert outside.sent == ["x"]


async def test_the_mode_is_that_of_the_model_a_write_is_about(
    ledger: Ledger, clock: JumpingClock
) -> None:
    outside = Outside()
    fraud, churn = await cause_about(ledger, "fraud"), await cause_about(ledger, "churn")
    through = door(ledger, clock, {"*": "observe", "fraud*": "full"})
    await outside.ask(through, "registry.mark", fraud)
    for about in (churn, "an event nobody knows"):
        with pytest.raises(Suppressed, match="mode observe does not allow"):
            await outside.ask(through, "registry.mark", about)
    assert outside.sent == [fraud]
