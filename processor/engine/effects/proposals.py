"""Writes to forges.

Place in the flow: propose, withdraw, vouch, merge, confirm and the reject wish ask for them
through `ports/effects`. Opening a pull request is the racy one; everything else sets a value or
moves a ref by compare-and-set and may be repeated.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from processor.engine.effects.door import Door, digest
from processor.errors import NotYet, Suppressed, Terminal
from processor.ports.reading.forge import ForgeReader
from processor.ports.writing.forge import ForgeWriter
from processor.values.effect import Effect
from processor.values.principal import SLUICE, Principal
from processor.values.proposal import CommitStatus, Draft, Proposal
from processor.values.slot import Repository
from processor.values.version import key_of

_MOVED_ON = 600.0  # seconds after the event until a merge that keeps missing its head is told
_KEPT = ("merged", "open", "closed")  # of two proposals of one promotion, the first counts


@dataclass(frozen=True, kw_only=True)
class ProposalDoor:
    """ProposalEffects over every configured forge.

    `quiet` is, per forge, how many seconds a lost request may still land.
    """

    door: Door
    readers: Mapping[str, ForgeReader]
    writers: Mapping[str, ForgeWriter]
    quiet: Mapping[str, float]

    async def open(self, where: Repository, draft: Draft, cause: str) -> Proposal:
        """Open the draft once; after doubt on a fresh branch, so that a late request finds none."""
        reader, writer = self._forge(where)

        async def send(attempt: int) -> str:
            branch = _branch(draft, attempt)
            await writer.commit(where, branch, draft.base_sha, draft.files, draft.message, draft.at)
            opened = await writer.open(where, branch, draft.title, draft.body, draft.promotion_id)
            return str(opened.number)

        async def look() -> str | None:
            found = [one for one in await reader.find(where, draft.promotion_id) if not one.void]
            if not found:
                return None
            kept = min(found, key=lambda one: (_KEPT.index(one.state), one.number))
            await self._close_others(where, kept, found, cause)
            return str(kept.number)

        async def clear(attempt: int) -> None:
            # The base may have moved since: what stands there need not be this draft's commit.
            branch = _branch(draft, attempt)
            try:
                tip = await reader.head(replace(where, branch=branch))
            except Terminal:
                return  # it was never made, or is gone: a late request finds no head
            await writer.delete_branch(where, branch, tip)

        effect = self._effect(
            "proposal.open", f"open:{draft.promotion_id}", where, draft.title, cause
        )
        quiet = self.quiet[where.forge]
        number = await self.door.create(effect, send, look, clear, quiet=quiet, read=int)
        return await reader.get(where, number)

    async def close(
        self, where: Repository, number: int, reason: str, by: Principal, cause: str
    ) -> None:
        """Close it; one that has ended stays as it is."""
        _, writer = self._forge(where)

        async def send() -> str:
            await writer.close(where, number, reason, by)
            return ""

        key = f"close:{_at(where)}:{number}:{by.name}"
        effect = self._effect("proposal.close", key, where, reason, cause)
        await self.door.converge(effect, send, quiet=self.quiet[where.forge])

    async def merge(self, where: Repository, number: int, expected_head: str, cause: str) -> None:
        """Merge it at exactly this head. Raises NotYet when it moved on: ask what is owed now."""
        reader, writer = self._forge(where)

        async def send() -> str:
            await writer.merge(where, number, expected_head, SLUICE)
            return expected_head

        key = f"merge:{_at(where)}:{number}:{expected_head}"
        effect = self._effect("proposal.merge", key, where, expected_head, cause)
        try:
            await self.door.converge(effect, send, quiet=self.quiet[where.forge])
        except Terminal as refusal:
            now = await reader.get(where, number)
            if (now.state, now.head_sha) == ("open", expected_head):
                raise
            raise NotYet(str(refusal), after=1.0, until=_MOVED_ON) from None

    async def set_status(
        self, where: Repository, sha: str, status: CommitStatus, cause: str
    ) -> None:
        """Set the status of its context."""
        _, writer = self._forge(where)

        async def send() -> str:
            await writer.set_status(where, sha, status)
            return status.state

        key = f"status:{cause}:{_at(where)}:{sha}:{status.context}"
        effect = self._effect("proposal.status", key, where, status.description, cause)
        await self.door.converge(effect, send, quiet=self.quiet[where.forge])

    async def set_comment(self, where: Repository, number: int, body: str, cause: str) -> None:
        """Rewrite our one comment."""
        _, writer = self._forge(where)

        async def send() -> str:
            await writer.set_comment(where, number, body)
            return ""

        key = f"comment:{cause}:{_at(where)}:{number}"
        effect = self._effect("proposal.comment", key, where, body, cause)
        await self.door.converge(effect, send, quiet=self.quiet[where.forge])

    async def _close_others(
        self, where: Repository, kept: Proposal, found: Sequence[Proposal], cause: str
    ) -> None:
        """Close what a late request of ours opened besides the one that counts."""
        for other in found:
            if other.number != kept.number and other.state == "open" and other.author == SLUICE:
                reason = f"withdrawn: opened a second time by a late request; it is #{kept.number}"
                with suppress(Suppressed):
                    await self.close(where, other.number, reason, SLUICE, cause)

    def _forge(self, where: Repository) -> tuple[ForgeReader, ForgeWriter]:
        """Return both halves of a forge."""
        if where.forge not in self.readers:
            raise Terminal(f"no forge {where.forge!r} under `forges:`; the policy names it")
        return self.readers[where.forge], self.writers[where.forge]

    @staticmethod
    def _effect(kind: str, key: str, where: Repository, content: str, cause: str) -> Effect:
        """Return the row of a write that no source reads back by field."""
        return Effect(
            key=key,
            kind=kind,
            subject=f"forge:{_at(where)}",
            field="",
            new="",
            digest=digest(content),
            cause=cause,
        )


def _at(where: Repository) -> str:
    """Return a repository and branch as one encoded string."""
    return key_of(where.forge, where.name, where.branch)


def _branch(draft: Draft, attempt: int) -> str:
    """Return the head branch of an attempt: the draft's own, then `...-a2` and on."""
    return draft.branch if attempt == 1 else f"{draft.branch}-a{attempt}"
