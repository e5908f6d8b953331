"""What tests of the engine start from."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from processor.adapters.ledgers import Ledger
from processor.testing.clock import JumpingClock


@pytest.fixture
def clock() -> JumpingClock:
    return JumpingClock()


@pytest.fixture
async def ledger(tmp_path: Path, clock: JumpingClock) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(tmp_path / "sluice.db", "main", clock)
    yield opened
    await opened.close()
