"""The only door to the outside: each write is recorded before it is made.

Place in the flow: handlers (and the reject wish) hold these halves; `engine/effects` is behind
them. Every method raises `Suppressed` when the mode forbids the write, after recording it.
"""

from collections.abc import Sequence
from typing import Protocol

from processor.values.effect import Effect
from processor.values.principal import Principal
from processor.values.proposal import CommitStatus, Draft, Proposal
from processor.values.slot import Repository
from processor.values.version import Version


class RegistryEffects(Protocol):
    """Wishes about the registry. `cause` is the id of the event that led here."""

    async def register(
        self, workspace: str, model: str, run_id: str, artifact_path: str, cause: str
    ) -> str:
        """Create the run's version once; return its number."""
        ...

    async def mark(
        self, version: Version, mark: str, value: str, previous: str, cause: str
    ) -> None:
        """Make the registry say it.

        `stage` -> a stage, `alias:<name>` -> a number or "" (gone), `tag:<key>` -> "" (gone).
        """
        ...

    async def marked_before(self, cause: str) -> Sequence[Effect]:
        """Return the marks an earlier, interrupted turn at this cause has sent."""
        ...

    async def landed(self, effect: Effect) -> None:
        """Record that a mark that got no answer has been seen to stand in the registry."""
        ...


class ProposalEffects(Protocol):
    """Wishes about pull requests."""

    async def open(self, where: Repository, draft: Draft, cause: str) -> Proposal:
        """Open the draft's pull request once, or find the one it already opened."""
        ...

    async def close(
        self, where: Repository, number: int, reason: str, by: Principal, cause: str
    ) -> None:
        """Close it unmerged."""
        ...

    async def merge(self, where: Repository, number: int, expected_head: str, cause: str) -> None:
        """Merge it at exactly this head."""
        ...

    async def set_status(
        self, where: Repository, sha: str, status: CommitStatus, cause: str
    ) -> None:
        """Say our word on a commit."""
        ...

    async def set_comment(self, where: Repository, number: int, body: str, cause: str) -> None:
        """Write our one sticky comment."""
        ...


class Announcements(Protocol):
    """Wishes to tell somebody."""

    async def tell(self, endpoint: str, text: str, cause: str) -> None:
        """Tell one endpoint about one event."""
        ...
