"""People merge or close a pull request the moment it is there, before anybody can ask again.

Place in the flow: tests hand it out as `testing/forge`. Duplicates are refused as by GitHub, among
open ones only: a second request after a merge or a close gets its second pull request.
"""

from processor.testing.forges.github import GitHubLike
from processor.values.principal import claimed
from processor.values.proposal import Proposal
from processor.values.slot import Repository


class HastyForge(GitHubLike):
    """Bo merges what is opened and deletes its branch; without `merges`, closes it."""

    merges = True

    async def open(
        self, where: Repository, branch: str, title: str, body: str, promotion_id: str
    ) -> Proposal:
        """Open it, and return what bo has left of it."""
        opened = await super().open(where, branch, title, body, promotion_id)
        if self.merges:
            self.person_merges(where, branch, "bo")
            self.person_moves(where, branch, None)
        else:
            await self.close(where, opened.number, "not now", claimed("bo"))
        return await self.get(where, opened.number)
