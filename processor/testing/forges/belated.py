"""Shows a new pull request in its lists only seconds later, as a replica or a search index does.

Place in the flow: tests hand it out as `testing/forge`; no duplicate is refused.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from processor.testing.forge import MemoryForge
from processor.testing.repository import Kept
from processor.values.proposal import Proposal
from processor.values.slot import Repository


class BelatedForge(MemoryForge):
    """`late` is after how many seconds of the forge's time `find` and `list_open` show one."""

    def __init__(
        self, name: str = "acme", now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Begin with no repository, five seconds late."""
        super().__init__(name, now)
        self.list_late = True
        self.late = 5.0
        self._due: list[tuple[datetime, Kept]] = []

    async def find(self, where: Repository, promotion_id: str) -> Sequence[Proposal]:
        """Return those of a promotion's proposals that are listed by now."""
        self._list()
        return await super().find(where, promotion_id)

    async def list_open(self, where: Repository) -> Sequence[Proposal]:
        """Return those of the open proposals that are listed by now."""
        self._list()
        return await super().list_open(where)

    def _opened(
        self, where: Repository, branch: str, title: str, body: str, promotion_id: str
    ) -> int:
        """Keep a new proposal, to be listed later."""
        number = super()._opened(where, branch, title, body, promotion_id)
        due = self.now() + timedelta(seconds=self.late)
        self._due.append((due, self._kept(self._at(where), number)))
        return number

    def _list(self) -> None:
        """List what is due."""
        now = self.now()
        for due, kept in self._due:
            kept.listed = kept.listed or due <= now
