"""The ledger's log with the moment each event was acknowledged: stored, and synchronised to disk.

Place in the flow: P1 and P2. Moments are CLOCK_MONOTONIC, the same for every process here.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from processor.events import Event, VersionStageChanged, VersionTagSet
from processor.ports.log import Appended

Told = tuple[str, str, str]
"""Model, version and the value it has now."""


@dataclass(frozen=True)
class StampingLog:
    """An EventLog; `at` says when a change of a version's stage or tag was acknowledged."""

    real: Any
    at: dict[Told, float] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def append(self, events: Sequence[Event], **more: Any) -> Appended:
        done: Appended = await self.real.append(events, **more)
        now = time.monotonic()
        for event in events:
            if isinstance(event, VersionStageChanged | VersionTagSet):
                value = event.new if isinstance(event, VersionStageChanged) else event.value
                self.at[event.version.model, event.version.number, value] = now
                self.news.set()
        return done

    async def until(self, told: Told, patience: float = 120.0) -> float:
        """Wait for a change; return when it was acknowledged."""
        async with asyncio.timeout(patience):
            while told not in self.at:
                self.news.clear()
                await self.news.wait()
        return self.at[told]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)
