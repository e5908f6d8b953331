"""What an attempt that ended halfway leaves behind is no obstacle to the next one."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from processor.adapters.ledgers import Ledger
from processor.engine.effects.door import Door
from processor.engine.effects.proposals import ProposalDoor
from processor.errors import Terminal, Unavailable
from processor.policy.mode import Modes
from processor.testing.clock import JumpingClock
from processor.testing.forge import MemoryForge
from processor.values.proposal import Draft
from tests.races.race import FILE, QUIET, WHERE


@pytest.fixture
def clock() -> JumpingClock:
    return JumpingClock()


@pytest.fixture
async def ledger(tmp_path: Path, clock: JumpingClock) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(tmp_path / "sluice.db", "main", clock, inline=True)
    yield opened
    await opened.close()


async def drafted(forge: MemoryForge, clock: JumpingClock) -> Draft:
    return Draft(
        promotion_id="p-1",
        branch="promote/production/fraud-v7",
        base_sha=await forge.head(WHERE),
        files=((FILE, b"uri: two\n"),),
        message="Promote fraud v7",
        title="Promote fraud v7",
        body="body",
        at=clock.now(),
    )


async def test_a_branch_of_an_earlier_attempt_on_an_older_base_is_cleared(
    ledger: Ledger, clock: JumpingClock
) -> None:
    forge = MemoryForge("acme", clock.now)
    forge.create_repository(WHERE, {FILE: b"uri: one\n"})
    reached: Any = {WHERE.forge: forge}
    through = ProposalDoor(
        door=Door(
            effects=ledger.effects,
            views=ledger.views,
            clock=clock,
            modes=Modes.written("full"),
        ),
        readers=reached,
        writers=reached,
        quiet={WHERE.forge: QUIET},
    )
    forge.open_late = True
    first = await drafted(forge, clock)
    with pytest.raises(Unavailable):
        await through.open(WHERE, first, "cause")
    forge.person_pushes(WHERE, "main", {"other.yaml": b"x\n"}, "bo")
    await clock.jump(QUIET)
    moved = await drafted(forge, clock)
    assert moved.base_sha != first.base_sha
    opened = await through.open(WHERE, moved, "cause")
    forge.arrive()
    assert [one.number for one in await forge.find(WHERE, "p-1")] == [opened.number]
    assert opened.branch == f"{first.branch}-a2"
    with pytest.raises(Terminal, match="no branch"):
        await forge.head(replace(WHERE, branch=first.branch))
