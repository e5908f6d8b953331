"""The world every handler's tests begin in."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.handlers.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    opened = await World.open(tmp_path)
    yield opened
    await opened.ledger.close()
