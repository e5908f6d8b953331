"""Open the one pull request of a promotion.

Place in the flow: promotion.requested -> promotion.proposed. A newer one closes the slot's older
open ones; that they are superseded is said by `sources/proposals`, from the forge.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from processor.errors import Terminal
from processor.events import Event, PromotionProposed, PromotionRequested, PromotionWithdrawn
from processor.policy.policy import Policies
from processor.policy.targets import Target
from processor.ports.effects import ProposalEffects
from processor.ports.reading.forge import ForgeReader
from processor.ports.reading.registry import RegistryReader
from processor.ports.views import Views
from processor.rules.manifests import ManifestError, edit
from processor.rules.proposal_end import superseded_by
from processor.rules.pull_request import Change, body_of, branch_of, message_of, title_of
from processor.rules.slots import dns_name, fill, repository_of
from processor.values.about import About
from processor.values.principal import SLUICE
from processor.values.promotion import Promotion, promotion_id_of
from processor.values.proposal import Draft, Proposal
from processor.values.record import VersionRecord
from processor.values.slot import Repository
from processor.values.version import Version


@dataclass(frozen=True)
class _Edits:
    """Whole new files, and (file, path, old, new) of every scalar that differs."""

    files: tuple[tuple[str, bytes], ...]
    changed: tuple[tuple[str, str, str | None, str], ...]


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
        if record is None or record.deleted:
            return [_withdrawn(event, promotion, "the version was deleted before it was proposed")]
        where = repository_of(target)
        await self._alone(promotion)
        forge = self.forges.get(where.forge)
        if forge is None:
            raise Terminal(f"no forge {where.forge!r} under `forges:`; the policy names it")
        proposal, uri = await self._proposed(forge, where, target, promotion, record, event)
        await self._supersede(where, promotion, proposal, event.head.id)
        return [
            PromotionProposed(
                head=event.leads_to(PromotionProposed, About.of(version, event.target)),
                promotion_id=promotion.id,
                version=version,
                target=event.target,
                slot=event.slot,
                uri=uri,
                proposal=proposal.ref,
            )
        ]

    async def _proposed(
        self,
        forge: ForgeReader,
        where: Repository,
        target: Target,
        promotion: Promotion,
        record: VersionRecord,
        event: PromotionRequested,
    ) -> tuple[Proposal, str]:
        """Return its pull request, found or newly opened, and the URI it sets."""
        uri = await self.registry.location(event.version)
        for found in await forge.find(where, promotion.id):
            if not found.void:
                return found, uri
        base_sha = await forge.head(where)
        edits = await self._edited(forge, where, base_sha, target, event.version, uri)
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
        return await self.effects.open(where, draft, event.head.id), uri

    async def _edited(
        self,
        forge: ForgeReader,
        where: Repository,
        sha: str,
        target: Target,
        version: Version,
        uri: str,
    ) -> "_Edits":
        """Return the target's files with exactly the listed scalars changed."""
        values = {"model": dns_name(version.model), "uri": uri, "version": version.number}
        texts: dict[str, bytes] = {}
        changed: list[tuple[str, str, str | None, str]] = []
        for written in target.edits:
            file = fill(written.file, values)
            text = texts[file] if file in texts else await forge.read(where, sha, file)
            if text is None:
                raise Terminal(
                    f"{file} is not on {where.branch} of {where.name}: add the "
                    f"{written.object.kind} of {version.model!r} there first"
                )
            try:
                edited = edit(
                    text,
                    kind=written.object.kind,
                    name=fill(written.object.name, values),
                    namespace=written.object.namespace,
                    changes={path: fill(value, values) for path, value in written.set.items()},
                )
            except ManifestError as error:
                raise Terminal(f"{file} on {where.branch} of {where.name}: {error}") from error
            texts[file] = edited.text
            changed += [(file, *change) for change in edited.changed]
        if not changed:
            raise Terminal(
                f"{where.branch} of {where.name} already names {version}; nothing to propose"
            )
        return _Edits(tuple(sorted(texts.items())), tuple(changed))

    async def _alone(self, promotion: Promotion) -> None:
        """Refuse a slot that another model has: one model per slot."""
        for other in await self.views.find(Promotion, slot=promotion.slot.key):
            if other.version.key != promotion.version.key and other.merge_sha:
                raise Terminal(
                    f"{promotion.slot.file} ({promotion.slot.path}) is {other.version.model!r}'s "
                    f"slot; {promotion.version.model!r} needs one of its own in its policy"
                )

    async def _supersede(
        self, where: Repository, promotion: Promotion, proposal: Proposal, cause: str
    ) -> None:
        """Close the slot's older open pull requests."""
        for other in await self.views.find(Promotion, slot=promotion.slot.key, state="proposed"):
            if other.id == promotion.id or other.proposal is None:
                continue
            reason = superseded_by(f"#{proposal.number} for {promotion.version}")
            await self.effects.close(where, other.proposal.number, reason, SLUICE, cause)


def _withdrawn(event: PromotionRequested, promotion: Promotion, reason: str) -> Event:
    """Return that a promotion ended before any forge knew of it."""
    return PromotionWithdrawn(
        head=event.leads_to(PromotionWithdrawn, About.of(event.version, event.target)),
        promotion_id=promotion.id,
        version=event.version,
        target=event.target,
        reason=reason,
    )
