"""Look at every open promotion's pull request, and say how it ended.

Place in the flow: `app` keeps it looking; it alone appends `promotion.updated`, `.approved`,
`.bypassed`, `.rejected`, `.withdrawn`, `.superseded`, `.expired` and `approval.voided`, judged by
`rules/proposal_end` from what the forge says now. A hook only makes the next look sooner.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from processor import log as logs
from processor.errors import Terminal, Unavailable
from processor.events import ApprovalVoided, Event, PromotionUpdated
from processor.policy.policy import Policies
from processor.policy.targets import Target
from processor.ports.log import EventLog
from processor.ports.reading.forge import ForgeReader
from processor.ports.views import Views
from processor.rules.approval import parties_of
from processor.rules.history import fold_all
from processor.rules.manifests import ManifestError, values_at
from processor.rules.proposal_end import Ending, end_of
from processor.values.about import About
from processor.values.hold import Hold, hold_key
from processor.values.people import People
from processor.values.principal import SLUICE
from processor.values.promotion import Promotion
from processor.values.proposal import Proposal
from processor.values.record import VersionRecord

_COARSE = timedelta(seconds=1)  # git tells the moment of a merge in whole seconds


@dataclass(frozen=True, kw_only=True)
class ProposalsSource:
    """The forges by their configured names, and what judging an end needs.

    `policies` is asked at every look, so that a reloaded policy counts from then on.
    """

    forges: Mapping[str, ForgeReader]
    policies: Callable[[], Policies]
    people: People
    log: EventLog
    views: Views

    async def look(self) -> Mapping[str, str]:
        """Look once at every proposal of a promotion that waits for a decision.

        Return what each forge that was asked had against it; what could be judged is in the log.
        """
        waiting = await self.views.find(Promotion, state="proposed")
        by_forge: dict[str, list[Promotion]] = {}
        for promotion in waiting:
            by_forge.setdefault(promotion.slot.forge, []).append(promotion)
        outages = await asyncio.gather(
            *(self._look_at(name, promotions) for name, promotions in by_forge.items())
        )
        return {
            outage.product if outage else f"forge {name}": str(outage or "")
            for name, outage in zip(by_forge, outages, strict=True)
        }

    async def _look_at(self, name: str, promotions: Sequence[Promotion]) -> Unavailable | None:
        """Look at one forge's proposals; return the outage that ended it, or the first oddity."""
        forge = self.forges.get(name)
        if forge is None:
            return Unavailable(f"forge {name}", "not configured any more: add it under forges:")
        oddity: Unavailable | None = None
        for promotion in promotions:
            try:
                events = await self._judged(forge, promotion)
            except Unavailable as outage:
                return outage
            except Terminal as odd:
                # One proposal that cannot be read must not hide the others of its forge.
                logs.warn("proposals.unreadable", promotion=promotion.id, reason=str(odd))
                reason = f"promotion {promotion.id} cannot be judged: {odd}"
                oddity = oddity or Unavailable(f"forge {name}", reason)
                continue
            if events:
                await self.log.append(events)
        return oddity

    async def _judged(self, forge: ForgeReader, promotion: Promotion) -> Sequence[Event]:
        """Return what happened to one promotion's proposal since the last look."""
        if promotion.proposal is None:
            return ()
        proposal = await forge.get(promotion.slot.where, promotion.proposal.number)
        # Known after the forge's answer: an approval that led to a merge was stored before it.
        known = await self.views.get(Promotion, promotion.id)
        if known is None or known.state != "proposed":
            return ()
        promotion = known
        if proposal.state == "open":
            return (*_updated(promotion, proposal), *_voided(promotion, proposal))
        target, unruled = self._target(promotion)
        record = await self.views.get(VersionRecord, promotion.version.path)
        uri, unreadable = await _merged_uri(forge, promotion, proposal)
        then, hold = await self._then(promotion, proposal)
        end = end_of(
            Ending(
                promotion=promotion,
                proposal=proposal,
                rule=target.approval if target else None,
                unruled=unruled,
                parties=parties_of(promotion, record, proposal, self.people),
                record=record,
                then=then,
                merged_uri=uri,
                unreadable=unreadable,
                hold=hold,
                rollout=target.rollout.deadline if target else None,
            )
        )
        return () if end is None else (end,)

    async def _then(
        self, promotion: Promotion, proposal: Proposal
    ) -> tuple[VersionRecord | None, Hold | None]:
        """Return version and hold as the ledger knew them at the merge, None for any other end.

        A hold of the merge's own second does not count: it may have come after.
        """
        if proposal.state != "merged" or proposal.ended_at is None:
            return None, None
        key = promotion.version.key
        happened = await self.log.of_key(key, until=proposal.ended_at + _COARSE)
        sealed = await self.log.sealed(key)
        views = fold_all(happened, sealed.views if sealed else None)
        hold: Hold | None = views[Hold].get(hold_key(key, promotion.target))
        if hold is not None and hold.since > proposal.ended_at:
            hold = None
        return views[VersionRecord].get(promotion.version.path), hold

    def _target(self, promotion: Promotion) -> tuple[Target | None, str]:
        """Return the target as the policy in force has it, or None and what became of it."""
        version = promotion.version
        try:
            policy = self.policies().ruling(version.workspace, version.model)
        except ValueError as tie:
            return None, str(tie)
        target = policy.target(promotion.target) if policy else None
        if target is None:
            return None, f"the policy of {version.model} no longer has target {promotion.target}"
        return target, ""


async def _merged_uri(
    forge: ForgeReader, promotion: Promotion, proposal: Proposal
) -> tuple[str | None, str]:
    """Return what the slot holds at the merge commit, or None and why it cannot be told."""
    if proposal.state != "merged" or proposal.merge_sha is None:
        return None, ""
    slot = promotion.slot
    content = await forge.read(slot.where, proposal.merge_sha, slot.file)
    if content is None:
        return None, f"merged content has no file {slot.file}"
    kind, *namespace, name = slot.object.split("/")
    try:
        found = values_at(
            content,
            kind=kind,
            name=name,
            namespace=namespace[0] if namespace else None,
            paths=(slot.path,),
        )
    except ManifestError as broken:
        return None, f"merged content cannot be read: {broken}"
    return found[slot.path], ""


def _updated(promotion: Promotion, proposal: Proposal) -> Sequence[PromotionUpdated]:
    """Return that somebody pushed to it, when the ledger does not know yet.

    How often it was pushed to before is in the id: a head may come back.
    """
    known = promotion.proposal
    committers = tuple(sorted({who for who in proposal.committers if who != SLUICE}))
    if known is None:
        return ()
    moves = proposal.head_sha != known.head_sha
    if not moves and committers == promotion.committers:
        return ()
    whose = ", ".join(map(str, committers)) or "nobody but Sluice"
    moved = f"its head moved from {known.head_sha[:12]} to {proposal.head_sha[:12]}"
    return [
        PromotionUpdated(
            head=PromotionUpdated.heading(
                About.of(promotion.version, promotion.target),
                f"{promotion.id}:{promotion.updates + 1}:{proposal.head_sha}",
                cause=promotion.request_id,
            ),
            promotion_id=promotion.id,
            version=promotion.version,
            target=promotion.target,
            slot=promotion.slot,
            proposal=proposal.ref,
            committers=committers,
            reason=f"{moved if moves else 'its committers changed'}; commits by {whose}",
        )
    ]


def _voided(promotion: Promotion, proposal: Proposal) -> Sequence[ApprovalVoided]:
    """Return the approvals that no longer count because the head moved."""
    head = proposal.head_sha
    return [
        ApprovalVoided(
            head=ApprovalVoided.heading(
                About.of(promotion.version, promotion.target),
                f"{promotion.id}:{given.head_sha}:{given.by.name}:{given.at.isoformat()}",
                actor=SLUICE,
                cause=promotion.request_id,
            ),
            promotion_id=promotion.id,
            version=promotion.version,
            target=promotion.target,
            slot=promotion.slot,
            by=given.by,
            head_sha=given.head_sha,
            reason=f"the proposal moved from {given.head_sha[:12]} to {head[:12]}",
        )
        for given in promotion.approvals
        if given.head_sha != head
    ]
