"""Open the one pull request of a promotion.

Place in the flow: promotion.requested -> promotion.proposed. A newer one closes the slot's older
open ones; that they are superseded is said by `sources/proposals`, from the forge.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from processor.errors import NotYet, Terminal
from processor.events import (
    Event,
    PromotionProposed,
    PromotionRequested,
    PromotionSuperseded,
    PromotionWithdrawn,
)
from processor.policy.policy import Policies
from processor.policy.targets import Target
from processor.ports.effects import ProposalEffects
from processor.ports.reading.forge import ForgeReader
from processor.ports.reading.registry import RegistryReader
from processor.ports.views import Views
from processor.rules.edits import Edits, edited, files_of, made_between, values_of
from processor.rules.manifests import ManifestError
from processor.rules.promotion import MERGED, OPEN
from processor.rules.proposal_end import superseded_by, withdrawn_because
from processor.rules.pull_request import Change, body_of, branch_of, message_of, title_of
from processor.rules.slot_conflicts import model_in_words, tenant_of
from processor.rules.slots import repository_of
from processor.values.about import About
from processor.values.principal import SLUICE
from processor.values.promotion import Promotion, promotion_id_of
from processor.values.proposal import Draft, Proposal, ScalarEdit
from processor.values.record import VersionRecord
from processor.values.serving import Serving
from processor.values.slot import Repository

_LOOK_AGAIN = 10.0  # seconds until another look at what is missing in Git
_PATIENCE = 14 * 86400.0


@dataclass(frozen=True, kw_only=True)
class Propose:
    """Looks in all states for its own pull request before it opens one."""

    registry: RegistryReader
    forges: Mapping[str, ForgeReader]
    views: Views
    policies: Policies
    effects: ProposalEffects
    browser_url: str

    async def __call__(self, event: PromotionRequested) -> Sequence[Event]:
        """Return that it is proposed, or that it was withdrawn before it could be."""
        promotion = await self.views.get(Promotion, promotion_id_of(event.head.id))
        if promotion is None or promotion.state != "requested":
            return []
        version = event.version
        policy = self.policies.ruling(version.workspace, version.model)
        target = policy.target(event.target) if policy else None
        if policy is None or target is None:
            raise Terminal(f"the policy of {version.model!r} has no target {event.target!r} now")
        record = await self.views.get(VersionRecord, version.path)
        where = repository_of(target)
        forge = self.forges.get(where.forge)
        if forge is None:
            raise Terminal(f"no forge {where.forge!r} under `forges:`; the policy names it")
        if record is None or record.deleted:
            gone = "the version was deleted before it was proposed"
            return [await self._withdrawn(forge, where, event, promotion, gone)]
        await self._alone(promotion)
        if newer := await self._overtaken_by(promotion):
            return [_superseded(event, promotion, f"by {newer.version}, asked for later")]
        uri = await self.registry.location(version)
        proposal = await self._proposed(forge, where, target, promotion, record, uri)
        if proposal is None:
            nothing = f"{where.branch} of {where.name} already names {version}"
            return [await self._withdrawn(forge, where, event, promotion, nothing)]
        await self._supersede(where, promotion, proposal, event.head.id)
        values = values_of(record, uri)
        return [
            PromotionProposed(
                head=event.leads_to(PromotionProposed, About.of(version, event.target)),
                promotion_id=promotion.id,
                version=version,
                target=event.target,
                slot=event.slot,
                uri=uri,
                proposal=proposal.ref,
                edits=await _made(forge, where, target, values, proposal),
            )
        ]

    async def _proposed(
        self,
        forge: ForgeReader,
        where: Repository,
        target: Target,
        promotion: Promotion,
        record: VersionRecord,
        uri: str,
    ) -> Proposal | None:
        """Return its pull request, found or newly opened; None when nothing would change."""
        for found in await forge.find(where, promotion.id):
            if not found.void:
                return found
        base_sha = await forge.head(where)
        edits = await _edits(forge, where, base_sha, target, record, uri)
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
        return await self.effects.open(where, draft, promotion.request_id)

    async def _alone(self, promotion: Promotion) -> None:
        """Refuse a slot that another model has: one model per slot."""
        slot, mine = promotion.slot, promotion.version.key
        other = tenant_of(
            await self.views.find(Promotion, slot=slot.key),
            await self.views.get(Serving, slot.key),
            mine,
        )
        if other is not None:
            raise Terminal(
                f"{slot.file} ({slot.path} of {slot.object}) is the slot of "
                f"{model_in_words(other, mine)}; {model_in_words(mine, other)} needs one of its "
                "own in its policy"
            )

    async def _overtaken_by(self, promotion: Promotion) -> Promotion | None:
        """Return a promotion of the slot that was asked for later and is under way or merged."""
        for other in await self.views.find(Promotion, slot=promotion.slot.key):
            later = other.requested_at > promotion.requested_at
            if later and other.state in (OPEN | MERGED) - {"requested"}:
                return other
        return None

    async def _supersede(
        self, where: Repository, promotion: Promotion, proposal: Proposal, cause: str
    ) -> None:
        """Close the slot's older open pull requests."""
        for other in await self.views.find(Promotion, slot=promotion.slot.key, state="proposed"):
            if other.id == promotion.id or other.proposal is None:
                continue
            reason = superseded_by(f"#{proposal.number} for {promotion.version}")
            await self.effects.close(where, other.proposal.number, reason, SLUICE, cause)

    async def _withdrawn(
        self,
        forge: ForgeReader,
        where: Repository,
        event: PromotionRequested,
        promotion: Promotion,
        reason: str,
    ) -> Event:
        """Return that it ended before it was told; what an earlier try opened is closed."""
        for found in await forge.find(where, promotion.id):
            if found.state == "open":
                why = withdrawn_because(reason)
                await self.effects.close(where, found.number, why, SLUICE, event.head.id)
        return PromotionWithdrawn(
            head=event.leads_to(PromotionWithdrawn, About.of(event.version, event.target)),
            promotion_id=promotion.id,
            version=event.version,
            target=event.target,
            reason=reason,
        )


async def _texts(
    forge: ForgeReader, where: Repository, sha: str, target: Target, values: Mapping[str, str]
) -> Mapping[str, bytes]:
    """Return the target's files at a commit; one that is not there is left out."""
    found: dict[str, bytes] = {}
    for file in files_of(target, values):
        text = await forge.read(where, sha, file)
        if text is not None:
            found[file] = text
    return found


async def _edits(
    forge: ForgeReader,
    where: Repository,
    sha: str,
    target: Target,
    record: VersionRecord,
    uri: str,
) -> Edits:
    """Return the target's files changed; what is not there is waited for: somebody adds it."""
    values = values_of(record, uri)
    texts = await _texts(forge, where, sha, target, values)
    for file, kind in files_of(target, values).items():
        if file not in texts:
            raise _in_git(
                f"{file} is not on {where.branch} of {where.name}: add the {kind} of "
                f"{record.version.model!r} there first"
            )
    try:
        return edited(target, values, texts)
    except ManifestError as error:
        raise _in_git(f"on {where.branch} of {where.name}, {error}") from error


async def _made(
    forge: ForgeReader,
    where: Repository,
    target: Target,
    values: Mapping[str, str],
    proposal: Proposal,
) -> tuple[ScalarEdit, ...]:
    """Return what a pull request changes, read from it: an earlier turn may have opened it."""
    before = await _texts(forge, where, proposal.base_sha, target, values)
    after = await _texts(forge, where, proposal.head_sha, target, values)
    return made_between(target, values, before, after)


def _in_git(reason: str) -> NotYet:
    """Return that somebody has to do something in Git first."""
    return NotYet(reason, after=_LOOK_AGAIN, until=_PATIENCE)


def _superseded(event: PromotionRequested, promotion: Promotion, reason: str) -> Event:
    """Return that a newer one was quicker, while this one waited."""
    return PromotionSuperseded(
        head=event.leads_to(PromotionSuperseded, About.of(event.version, event.target)),
        promotion_id=promotion.id,
        version=event.version,
        target=event.target,
        reason=reason,
    )
