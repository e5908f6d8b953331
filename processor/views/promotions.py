"""Which promotions are there, and what does each still need?

Place in the flow: the list at `/v1/promotions`, and the row other questions are built on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from processor.errors import Refused
from processor.policy.policy import Policy
from processor.policy.targets import Target
from processor.rules.approval import Parties, objection, parties_of, unmet
from processor.rules.conditions import gates_missing, hold_missing
from processor.rules.slots import slot_of
from processor.values.hold import Hold, hold_key
from processor.values.principal import Principal
from processor.values.promotion import Promotion
from processor.values.proposal import ProposalRef
from processor.values.record import VersionRecord
from processor.values.serving import Serving
from processor.views.knowledge import Knowledge
from processor.views.subject import ruling_of


@dataclass(frozen=True)
class PromotionRow:
    """One promotion; `unmet` says in words what is missing before it may be merged."""

    id: str
    workspace: str
    model: str
    version: str
    target: str
    state: str
    reason: str
    requested_by: str
    requested_at: datetime
    changed_at: datetime
    proposal: ProposalRef | None
    unmet: tuple[str, ...]


async def promotions(
    known: Knowledge,
    *,
    model: str | None = None,
    state: str | None = None,
    target: str | None = None,
    limit: int = 200,
) -> Sequence[PromotionRow]:
    """Return the promotions that match, the newest first, at most `limit`."""
    rows = [
        row
        for row in await known.views.find(Promotion, state=state)
        if model in {None, row.version.model} and target in {None, row.target}
    ]
    rows.sort(key=lambda row: row.requested_at, reverse=True)
    return [await row_of(known, row) for row in rows[:limit]]


async def row_of(known: Knowledge, promotion: Promotion) -> PromotionRow:
    """Return one promotion as people read it."""
    return PromotionRow(
        id=promotion.id,
        workspace=promotion.version.workspace,
        model=promotion.version.model,
        version=promotion.version.number,
        target=promotion.target,
        state=promotion.state,
        reason=promotion.reason,
        requested_by=str(promotion.requested_by),
        requested_at=promotion.requested_at,
        changed_at=promotion.changed_at,
        proposal=promotion.proposal,
        unmet=(await conditions_of(known, promotion)).all,
    )


@dataclass(frozen=True)
class Conditions:
    """What an open promotion still needs before it may be merged, by who owes it."""

    hold: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()
    people: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Return every part, as the commit status has it."""
        return (*self.hold, *self.gates, *self.people)


async def conditions_of(known: Knowledge, promotion: Promotion) -> Conditions:
    """Return what an open promotion still needs; nothing for one that is decided."""
    policy = policy_of(known, promotion)
    target = policy.target(promotion.target) if policy else None
    if promotion.state != "proposed" or promotion.proposal is None or not policy or not target:
        return Conditions()
    version = promotion.version
    record = await known.views.get(VersionRecord, version.path)
    compared_at = slot_of(policy.default_target, version.model)
    serving = await known.views.get(Serving, compared_at.key)
    hold = await known.views.get(Hold, hold_key(version.key, promotion.target))
    whose = parties_of(promotion, record, None, known.people)
    return Conditions(
        hold=tuple(hold_missing(promotion, hold)),
        gates=tuple(gates_missing(promotion, record, serving)),
        people=tuple(unmet(target.approval, promotion, whose, promotion.proposal.head_sha)),
    )


async def able(known: Knowledge, promotion: Promotion) -> Sequence[str]:
    """Return the people whose yes would count and is not given yet."""
    target = target_of(known, promotion)
    if target is None or target.approval == "automatic":
        return ()
    head = promotion.proposal.head_sha if promotion.proposal else ""
    said = {given.by.name for given in promotion.approvals if given.head_sha == head}
    whose = await parties(known, promotion)
    return [
        name
        for name in target.approval.people
        if name not in said
        and objection(target.approval, Principal(name, "authenticated"), whose) is None
    ]


async def parties(known: Knowledge, promotion: Promotion) -> Parties:
    """Return whose change a promotion is, as far as the ledger knows."""
    record = await known.views.get(VersionRecord, promotion.version.path)
    return parties_of(promotion, record, None, known.people)


def target_of(known: Knowledge, promotion: Promotion) -> Target | None:
    """Return a promotion's target in today's policy, None when it is no longer there."""
    policy = policy_of(known, promotion)
    return policy.target(promotion.target) if policy else None


def policy_of(known: Knowledge, promotion: Promotion) -> Policy | None:
    """Return today's policy of a promotion's model; None without one, or when two tie."""
    version = promotion.version
    try:
        return ruling_of(known, version.workspace, version.model)
    except Refused:
        return None  # the model's own page says so
