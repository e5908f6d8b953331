"""The door over a restored ledger: what the life before did is found, never met by name."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from processor.adapters.ledgers import Ledger
from processor.adapters.ledgers.backup import backup
from processor.adapters.ledgers.restore import restore
from processor.engine.effects.proposals import ProposalDoor
from processor.errors import Retryable, Terminal
from processor.testing.clock import JumpingClock
from processor.testing.forge import MemoryForge
from processor.values.proposal import Draft
from processor.values.slot import Repository
from tests.engine.doors import door

WHERE = Repository("local", "acme/gitops", "main")
FILE = "apps/fraud.yaml"
QUIET = timedelta(seconds=60)


async def a_life(
    folder: Path, clock: JumpingClock, forge: MemoryForge, *, known: bool = True
) -> tuple[Ledger, ProposalDoor]:
    """Return a restored ledger and its door; `known` False takes the life's number away."""
    path = folder / "sluice.db"
    await (await Ledger.open(path, "main", clock)).close()
    backup(path, folder / "copy.db")
    restore(path, folder / "copy.db", "main", clock.now(), QUIET)
    ledger = await Ledger.open(path, "main", clock)
    attempts = ledger.incarnation - 1 if known else 0
    through = replace(door(ledger, clock), doubtful_until=ledger.doubtful_until, attempts=attempts)
    on = ProposalDoor(
        door=through, readers={"local": forge}, writers={"local": forge}, quiet={"local": 60.0}
    )
    return ledger, on


async def a_forge(clock: JumpingClock, *, proposed: bool) -> tuple[MemoryForge, Draft]:
    """Return a forge the life before has left a branch on, or a proposal of it, and a draft."""
    forge = MemoryForge("local", clock.now)
    forge.create_repository(WHERE, {FILE: b"old\n"})
    base = await forge.head(WHERE)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    await forge.commit(WHERE, "promote/p-1", base, ((FILE, b"newer\n"),), "Promote", at)
    if proposed:
        await forge.open(WHERE, "promote/p-1", "Promote", "why", "p-1")
    return forge, Draft("p-1", "promote/p-1", base, ((FILE, b"new\n"),), "Promote", "T", "why", at)


async def test_what_it_made_is_adopted_once_nothing_can_land_any_more(
    tmp_path: Path, clock: JumpingClock
) -> None:
    forge, draft = await a_forge(clock, proposed=True)
    ledger, on = await a_life(tmp_path, clock, forge)
    with pytest.raises(Retryable):
        await on.open(WHERE, draft, "cause")
    await clock.jump(60)
    assert (await on.open(WHERE, draft, "cause")).number == 1
    assert len(await forge.find(WHERE, "p-1")) == 1
    await ledger.close()


async def test_a_branch_it_left_without_a_proposal_is_in_nobodys_way(
    tmp_path: Path, clock: JumpingClock
) -> None:
    forge, draft = await a_forge(clock, proposed=False)
    ledger, on = await a_life(tmp_path, clock, forge)
    await clock.jump(61)
    opened = await on.open(WHERE, draft, "cause")
    assert (opened.number, opened.branch) == (1, f"promote/p-1-a{ledger.incarnation}")
    await ledger.close()


async def test_control_counting_attempts_from_one_again_meets_that_branch(
    tmp_path: Path, clock: JumpingClock
) -> None:
    forge, draft = await a_forge(clock, proposed=False)
    ledger, on = await a_life(tmp_path, clock, forge, known=False)
    await clock.jump(61)
    with pytest.raises(Terminal):
        await on.open(WHERE, draft, "cause")
    await ledger.close()
