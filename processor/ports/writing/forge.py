"""Changing a forge.

Place in the flow: `engine/effects` alone calls it. Refs move by compare-and-set only.
"""

from datetime import datetime
from typing import Protocol

from processor.values.principal import Principal
from processor.values.proposal import CommitStatus, Proposal
from processor.values.slot import Repository


class RepositoryWriter(Protocol):
    """Branches and commits."""

    async def commit(
        self,
        where: Repository,
        branch: str,
        base_sha: str,
        files: tuple[tuple[str, bytes], ...],
        message: str,
        at: datetime,
    ) -> str:
        """Create `branch` with one commit on `base_sha`; return its sha.

        Equal arguments make an equal sha. A branch already at that sha is fine; at another one
        it is Terminal, never overwritten.
        """
        ...

    async def delete_branch(self, where: Repository, branch: str, expected: str) -> None:
        """Delete the branch if it is still at `expected`; an absent one is fine."""
        ...


class ProposalsWriter(Protocol):
    """Pull requests."""

    async def open(
        self, where: Repository, branch: str, title: str, body: str, promotion_id: str
    ) -> Proposal:
        """Open a proposal of `branch`, with the promotion's marker. One attempt: not idempotent."""
        ...

    async def close(self, where: Repository, number: int, reason: str, by: Principal) -> None:
        """Close it unmerged with a reason; an ended one is left as it is."""
        ...

    async def merge(
        self, where: Repository, number: int, expected_head: str, by: Principal
    ) -> None:
        """Merge it if its head is still `expected_head`; merged already is fine.

        Raises Terminal when the head moved, it was closed, or it conflicts.
        """
        ...


class ReviewsWriter(Protocol):
    """Our words on commits and proposals."""

    async def set_status(self, where: Repository, sha: str, status: CommitStatus) -> None:
        """Set the status of that context; repeating it changes nothing."""
        ...

    async def set_comment(self, where: Repository, number: int, body: str) -> None:
        """Write or rewrite our one sticky comment."""
        ...


class ForgeWriter(RepositoryWriter, ProposalsWriter, ReviewsWriter, Protocol):
    """One forge, to change."""
