"""Looks for an open pull request of the branch, then inserts, as Gitea does: two at once get in.

Place in the flow: tests hand it out as `testing/forge`. Gitea's table has no unique key, and
go-gitea/gitea#20906 shows two pull requests made by one request that was sent again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from processor.testing.forges.refusing import RefusingForge
from processor.testing.repository import MemoryRepository
from processor.values.slot import Repository


async def _at_once() -> None:
    """Let whoever else is waiting have a turn, no more."""
    await asyncio.sleep(0)


class GiteaLike(RefusingForge):
    """`busy` is awaited between looking and inserting."""

    refusal = "409: pull request already exists for these targets"

    def __init__(
        self, name: str = "acme", now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Begin with no repository, and not busy."""
        super().__init__(name, now)
        self.busy: Callable[[], Awaitable[None]] = _at_once

    async def _admit(self, it: MemoryRepository, where: Repository, branch: str) -> None:
        """Raise Terminal while one is open; one inserted meanwhile is not seen."""
        await super()._admit(it, where, branch)
        await self.busy()
        self._tip(it, branch)
