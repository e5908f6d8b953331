"""Looking at a forge: the repository, its pull requests, and what was said on them.

Place in the flow: propose, vouch, merge, confirm and `sources/proposals` hold the three halves,
one `ForgeReader` per forge named in the configuration.
"""

from collections.abc import Sequence
from typing import Protocol

from processor.values.proposal import CommitStatus, Proposal
from processor.values.slot import Repository


class RepositoryReader(Protocol):
    """What stands in Git."""

    async def head(self, where: Repository) -> str:
        """Return the branch's commit sha. Raises Terminal when repository or branch is missing."""
        ...

    async def read(self, where: Repository, sha: str, file: str) -> bytes | None:
        """Return a file at a commit, None when it is not there."""
        ...

    async def contains(self, where: Repository, ancestor: str, descendant: str) -> bool:
        """Tell whether `ancestor` is reachable from (or is) `descendant`."""
        ...


class ProposalsReader(Protocol):
    """Pull requests, in every state."""

    async def find(self, where: Repository, promotion_id: str) -> Sequence[Proposal]:
        """Return the proposals, in all states, whose marker holds this promotion."""
        ...

    async def get(self, where: Repository, number: int) -> Proposal:
        """Return one proposal as it is now. Raises Terminal when there is none."""
        ...

    async def list_open(self, where: Repository) -> Sequence[Proposal]:
        """Return the open proposals against the branch, whoever opened them."""
        ...

    async def diff(self, where: Repository, number: int) -> str:
        """Return the proposal's unified diff against its base."""
        ...


class ReviewsReader(Protocol):
    """What is written on commits and proposals by us."""

    async def statuses(self, where: Repository, sha: str) -> Sequence[CommitStatus]:
        """Return the statuses of a commit."""
        ...

    async def comment(self, where: Repository, number: int) -> str | None:
        """Return our one sticky comment, if it is there."""
        ...


class ForgeReader(RepositoryReader, ProposalsReader, ReviewsReader, Protocol):
    """One forge, to look at."""

    async def check(self) -> str:
        """Return one line for `doctor`: what answers and which version. Raises Unavailable."""
        ...
