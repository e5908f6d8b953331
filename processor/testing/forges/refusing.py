"""Refuses a second open pull request of a branch; with which words is said by the product.

Place in the flow: the forges that refuse stand on it. Only *open* ones count as duplicates.
"""

from processor.errors import Terminal
from processor.testing.forge import MemoryForge
from processor.testing.repository import MemoryRepository
from processor.values.slot import Repository


class RefusingForge(MemoryForge):
    """A forge that looks for an open twin before it inserts.

    `refusal` is what the product answers, with {owner}, {branch} and the {twin}'s number.
    """

    refusal = ""

    async def _admit(self, it: MemoryRepository, where: Repository, branch: str) -> None:
        """Raise Terminal while one is open."""
        for kept in it.kept:
            seen = self._seen(it, kept)
            if (seen.branch, seen.base, seen.state) == (branch, where.branch, "open"):
                owner = where.name.partition("/")[0]
                words = self.refusal.format(owner=owner, branch=branch, twin=seen.number)
                raise Terminal(f"forge {self.name}: {words}")
