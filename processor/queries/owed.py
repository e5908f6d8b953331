"""What does an open proposal still lack before it may be merged?

Place in the flow: vouch says it on the commit, merge acts when it is nothing: both ask here, so
that what is said and what is waited for are the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from processor.errors import Terminal
from processor.ports.reading.forge import ForgeReader
from processor.ports.views import Views
from processor.queries.standing import Standing
from processor.rules.approval import parties_of
from processor.rules.conditions import missing
from processor.rules.slots import slot_of
from processor.values.hold import Hold, hold_key
from processor.values.people import People
from processor.values.proposal import Proposal
from processor.values.serving import Serving


@dataclass(frozen=True, kw_only=True)
class Proposals:
    """The forges by their configured names, and what the conditions are made of."""

    forges: Mapping[str, ForgeReader]
    views: Views
    people: People

    async def owed(self, one: Standing) -> tuple[Proposal, Sequence[str]] | None:
        """Return the pull request as it is now with what its head lacks; None: no longer open.

        Raises Terminal when nobody configures its forge any more.
        """
        proposal = await self._open(one)
        if proposal is None:
            return None
        version = one.promotion.version
        parties = parties_of(one.promotion, one.record, proposal, self.people)
        judged_at = slot_of(one.policy.default_target, version.model)
        lacks = missing(
            one.target.approval,
            one.promotion,
            parties,
            proposal.head_sha,
            one.record,
            await self.views.get(Serving, judged_at.key),
            await self.views.get(Hold, hold_key(version.key, one.promotion.target)),
        )
        return proposal, lacks

    async def _open(self, one: Standing) -> Proposal | None:
        """Return its pull request as the forge has it now, None when that is no longer open."""
        forge = self.forges.get(one.where.forge)
        if forge is None:
            raise Terminal(
                f"no forge {one.where.forge!r} under `forges:`; {one.promotion.id} is on it"
            )
        if one.promotion.proposal is None:
            return None
        proposal = await forge.get(one.where, one.promotion.proposal.number)
        return proposal if proposal.state == "open" else None
