"""Open the one pull request of a promotion, or end it before there was one.

Place in the flow: promotion.requested -> promotion.proposed. A newer one closes the slot's older
open ones; that they are superseded is said by `sources/proposals`, from the forge. What only waits
to be proposed goes on with mode.changed, and ends with model_version.deleted or when its time is
over (deadline.passed): no request stays open for ever. One whose target has another slot by now
(somebody put the policy right) ends too, and is asked for anew there (promotion.requested).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from processor.errors import NotYet, Terminal
from processor.events import (
    DeadlinePassed,
    Event,
    ModeChanged,
    PromotionExpired,
    PromotionProposed,
    PromotionRequested,
    PromotionSuperseded,
    PromotionWithdrawn,
    VersionDeleted,
)
from processor.events.event import Head
from processor.policy.policy import Policies
from processor.policy.targets import Target
from processor.ports.clock import Clock
from processor.ports.effects import ProposalEffects
from processor.ports.reading.forge import ForgeReader
from processor.ports.reading.registry import RegistryReader
from processor.ports.views import Views
from processor.queries.in_git import changes_of, edits_of
from processor.rules.proposal_end import superseded_by
from processor.rules.pull_request import Change, body_of, branch_of, message_of, title_of
from processor.rules.slot_conflicts import model_in_words, tenant_of
from processor.rules.slots import slot_of
from processor.rules.unproposed import Unproposed, ends, moved, overtaken, reason_to_close
from processor.values.about import About
from processor.values.hold import Hold, hold_key
from processor.values.principal import SLUICE
from processor.values.promotion import Promotion, promotion_id_of
from processor.values.proposal import Draft, Proposal
from processor.values.record import VersionRecord
from processor.values.serving import Serving
from processor.values.slot import Slot
from processor.values.version import Version

_LOOK_AGAIN = 10.0  # seconds between looks whether a version's end has been told
_PATIENCE = 24 * 3600.0

Woken = PromotionRequested | ModeChanged | VersionDeleted | DeadlinePassed


@dataclass(frozen=True, kw_only=True)
class Propose:
    """Looks in all states for its own pull request before it opens one.

    `target` is the one whose waiting requests mode.changed and model_version.deleted concern:
    they belong to no slot by themselves.
    """

    registry: RegistryReader
    forges: Mapping[str, ForgeReader]
    views: Views
    policies: Policies
    effects: ProposalEffects
    clock: Clock
    browser_url: str
    target: str = ""

    async def __call__(self, event: Woken) -> Sequence[Event]:
        """Return that it is proposed, or how it ended before it could be."""
        said: list[Event] = []
        for promotion in await self._waiting(event):
            said += await self._go_on(promotion, event)
            if any(isinstance(one, PromotionProposed) for one in said):
                break  # the older ones were superseded with it
        return said

    async def _waiting(self, event: Woken) -> Sequence[Promotion]:
        """Return the requests without a pull request that an event concerns, the newest first."""
        if isinstance(event, PromotionRequested | DeadlinePassed):
            if isinstance(event, PromotionRequested):
                own: str | None = promotion_id_of(event.head.id)
            else:
                own = event.promotion_id
            found = await self.views.get(Promotion, own or "")
            return [found] if found is not None and found.state == "requested" else []
        of_model = await self.views.find(Promotion, model=event.head.key, state="requested")
        return [
            one
            for one in reversed(of_model)
            if one.target == self.target
            and (isinstance(event, ModeChanged) or one.version == event.version)
        ]

    async def _go_on(self, promotion: Promotion, event: Woken) -> Sequence[Event]:
        """Propose one, or end it."""
        if isinstance(event, DeadlinePassed):
            days = (event.due - promotion.requested_at).days
            late = f"it could not be proposed for {days} days"
            return [await self._ended(PromotionExpired, promotion, event, late)]
        version = promotion.version
        record = await self.views.get(VersionRecord, version.path)
        hold = await self.views.get(Hold, hold_key(version.key, promotion.target))
        others = await self._rivals(promotion)
        end = ends(promotion, record, hold, others)
        if end is not None or record is None:
            kind, why = end or (PromotionWithdrawn, "")
            return [await self._ended(kind, promotion, event, why)]
        target = self._target(promotion)
        slot = slot_of(target, version.model)
        if slot != promotion.slot:
            withdrawn = await self._ended(PromotionWithdrawn, promotion, event, moved(slot))
            return [withdrawn, _asked_anew(promotion, record, slot, event)]
        forge, where = self._forge(promotion), promotion.slot.where
        await self._alone(promotion, others)
        await self._there(version)
        uri = await self.registry.location(version)
        proposal = await self._proposed(forge, target, promotion, record, uri, event)
        if proposal is None:
            nothing = f"{where.branch} of {where.name} already names {version}"
            return [await self._ended(PromotionWithdrawn, promotion, event, nothing)]
        told = PromotionProposed(
            head=_head(PromotionProposed, promotion, event),
            promotion_id=promotion.id,
            version=version,
            target=promotion.target,
            slot=promotion.slot,
            uri=uri,
            proposal=proposal.ref,
            edits=await changes_of(forge, where, target, record, uri, proposal),
            expires=self.clock.now() + target.open_for,
        )
        return [told, *await self._supersede(promotion, proposal, others, event)]

    async def _rivals(self, promotion: Promotion) -> Sequence[Promotion]:
        """Return the promotions of its slot, and of its target where that had another slot."""
        here = await self.views.find(Promotion, slot=promotion.slot.key)
        of_model = await self.views.find(Promotion, model=promotion.version.key)
        elsewhere = [
            one for one in of_model if one.target == promotion.target and one.slot != promotion.slot
        ]
        return [*here, *elsewhere]

    async def _there(self, version: Version) -> None:
        """Wait while a version is gone and nobody has said so yet: that will end the promotion."""
        seen = await self.registry.version(version.workspace, version.model, version.number)
        if seen is None or seen.version != version:
            raise NotYet(
                f"{version} is not in the registry any more: the next full look tells",
                after=_LOOK_AGAIN,
                until=_PATIENCE,
            )

    def _target(self, promotion: Promotion) -> Target:
        """Return what the policy says of its target now. Raises Terminal when it has none."""
        version = promotion.version
        policy = self.policies.ruling(version.workspace, version.model)
        target = policy.target(promotion.target) if policy else None
        if target is None:
            raise Terminal(
                f"the policy of {version.model!r} has no target {promotion.target!r} now"
            )
        return target

    def _forge(self, promotion: Promotion) -> ForgeReader:
        """Return the forge it goes to. Raises Terminal when settings no longer have it."""
        name = promotion.slot.forge
        if name not in self.forges:
            raise Terminal(f"no forge {name!r} under `forges:`; the policy names it")
        return self.forges[name]

    async def _proposed(
        self,
        forge: ForgeReader,
        target: Target,
        promotion: Promotion,
        record: VersionRecord,
        uri: str,
        event: Event,
    ) -> Proposal | None:
        """Return its pull request, found or newly opened; None when nothing would change."""
        where = promotion.slot.where
        for found in await forge.find(where, promotion.id):
            if not found.void:
                return found
        base_sha = await forge.head(where)
        edits = await edits_of(forge, where, base_sha, target, record, uri)
        if not edits.changed:
            return None
        change = Change(
            promotion=replace(promotion, uri=uri),
            record=record,
            target=target,
            old_uri=next((old for _, _, old, new in edits.changed if new == uri), None),
            new_uri=uri,
            browser_url=self.browser_url,
            edits=edits.changed,
        )
        comparison = record.judgement.comparison if record.judgement else None
        draft = Draft(
            promotion_id=promotion.id,
            branch=branch_of(promotion),
            base_sha=base_sha,
            files=edits.files,
            message=message_of(promotion, record),
            title=title_of(promotion, comparison.champion if comparison else None),
            body=body_of(change),
            at=promotion.requested_at,
        )
        return await self.effects.open(where, draft, event.head.id)

    async def _alone(self, promotion: Promotion, others: Sequence[Promotion]) -> None:
        """Refuse a slot that another model has: one model per slot."""
        slot, mine = promotion.slot, promotion.version.key
        other = tenant_of(others, await self.views.get(Serving, slot.key), mine)
        if other is not None:
            raise Terminal(
                f"{slot.file} ({slot.path} of {slot.object}) is the slot of "
                f"{model_in_words(other, mine)}; {model_in_words(mine, other)} needs one of its "
                "own in its policy"
            )

    async def _supersede(
        self,
        promotion: Promotion,
        proposal: Proposal,
        others: Sequence[Promotion],
        event: Event,
    ) -> Sequence[Event]:
        """Close the others' open pull requests; return the end of what had none yet.

        What a target had open on a forge that nobody configures any more is out of reach.
        """
        said = []
        for other in others:
            if other.id == promotion.id:
                continue
            within_reach = other.slot.forge in self.forges
            if other.state == "proposed" and other.proposal is not None and within_reach:
                reason = superseded_by(f"#{proposal.number} for {promotion.version}")
                number, cause = other.proposal.number, event.head.id
                await self.effects.close(other.slot.where, number, reason, SLUICE, cause)
            elif other.state == "requested" and other.requested_at < promotion.requested_at:
                reason = overtaken(promotion)
                said.append(await self._ended(PromotionSuperseded, other, event, reason))
        return said

    async def _ended(
        self, kind: Unproposed, promotion: Promotion, event: Event, reason: str
    ) -> Event:
        """Return that it ended before it was told; what an earlier try opened is closed."""
        where = promotion.slot.where
        forge = self.forges.get(where.forge)
        for found in await forge.find(where, promotion.id) if forge else ():
            if found.state == "open":
                why, cause = reason_to_close(kind, reason), event.head.id
                await self.effects.close(where, found.number, why, SLUICE, cause)
        return kind(
            head=_head(kind, promotion, event),
            promotion_id=promotion.id,
            version=promotion.version,
            target=promotion.target,
            reason=reason,
        )


def _head(kind: type[Event], promotion: Promotion, event: Event) -> Head:
    """Return the head; a promotion is proposed, or ends, once, whichever event woke us."""
    return kind.heading(
        About.of(promotion.version, promotion.target),
        f"{promotion.request_id}:",
        actor=SLUICE,
        cause=event.head.id,
        trace=event.head.trace,
    )


def _asked_anew(
    promotion: Promotion, record: VersionRecord, slot: Slot, event: Event
) -> PromotionRequested:
    """Return the request for another slot: whoever asked first has asked, and when they did.

    Nobody approves their own wish because of it, and what was asked for later is still the later.
    """
    version = promotion.version
    return PromotionRequested(
        head=PromotionRequested.heading(
            About.of(version, promotion.target),
            f"{promotion.request_id}:{slot.key}",
            actor=promotion.requested_by,
            cause=event.head.id,
            time=promotion.requested_at,
            trace=event.head.trace,
        ),
        version=version,
        target=promotion.target,
        slot=slot,
        evaluation_id=record.judgement.event_id if record.judgement else None,
        restores=promotion.restores,
        reason=promotion.reason or "its target moved before it could be proposed",
    )
