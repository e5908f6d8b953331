"""Opens the pull request and answers 502: whoever believes the answer opens another.

Place in the flow: tests hand it out as `testing/forge`; no duplicate is refused.
"""

from processor.errors import Unavailable
from processor.testing.forge import MemoryForge
from processor.values.proposal import Proposal
from processor.values.slot import Repository


class StumblingForge(MemoryForge):
    """Stumbles over the first pull request of every promotion."""

    async def open(
        self, where: Repository, branch: str, title: str, body: str, promotion_id: str
    ) -> Proposal:
        """Open it; raise Unavailable when it is the promotion's first."""
        first = not await self.find(where, promotion_id)
        opened = await super().open(where, branch, title, body, promotion_id)
        if first:
            raise Unavailable(f"forge {self.name}", "502: Bad Gateway")
        return opened
