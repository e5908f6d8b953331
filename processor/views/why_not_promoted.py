"""Why does a promotion not go on?

Place in the flow: the second half of `why_not`, for a version somebody has asked for.
"""

from processor.policy.targets import Approval, Target
from processor.values.promotion import Promotion
from processor.views.knowledge import Knowledge
from processor.views.obstacles import obstacle
from processor.views.promotions import able, unmet_of
from processor.views.waiting import SLUICE, Waiting, anyone, command

_ENDED = {
    "rejected": ("a person said no", "request"),
    "withdrawn": ("it no longer held and was closed", "evaluate"),
    "superseded": ("a newer promotion took its place", "request"),
    "expired": ("nobody decided in time", "request"),
    "bypassed": ("it was merged against the rule", "request"),
    "failed": ("it was merged and does not serve", "request"),
    "serving": ("it served, and does not any more", "request"),
}


async def promoted(known: Knowledge, promotion: Promotion, target: Target) -> Waiting:
    """Answer for the newest promotion of a version to a target."""
    match promotion.state:
        case "requested":
            return await _requested(known, promotion, target)
        case "proposed":
            return await _proposed(known, promotion, target)
        case "approved" | "rolling_out":
            return await _rolling(known, promotion, target)
        case _:
            return _ended(known, promotion)


async def _requested(known: Knowledge, promotion: Promotion, target: Target) -> Waiting:
    if known.mode == "observe":
        return _answer(
            promotion,
            "mode_observe",
            "the mode is observe: Sluice watches and writes nothing; set `mode: propose` or `full`",
            who=("whoever runs Sluice",),
        )
    forge = f"forge {target.slot.forge}"
    return await _ours(
        known,
        promotion,
        (forge, "registry"),
        ("propose",),
        "being_proposed",
        "Sluice to open its proposal",
    )


async def _proposed(known: Knowledge, promotion: Promotion, target: Target) -> Waiting:
    """Answer for an open proposal: an approval, a merge by a person, or our own merge."""
    page = f"/promotions/{promotion.id}"
    missing = tuple(await unmet_of(known, promotion))
    if missing:
        return _answer(
            promotion,
            "awaiting_approval",
            f"approval of proposal {promotion.proposal.number if promotion.proposal else '?'}",
            who=anyone(await able(known, promotion)),
            wish=command("approve", promotion.version, promotion.target),
            link=page,
            details=missing,
        )
    by_person = isinstance(target.approval, Approval) and target.approval.merge == "person"
    if by_person:
        return _answer(
            promotion,
            "awaiting_merge",
            "a person to merge its proposal: every condition holds",
            who=("whoever may merge",),
            link=promotion.proposal.url if promotion.proposal else page,
        )
    if known.mode != "full":
        return _answer(
            promotion,
            "mode_propose",
            f"the mode is {known.mode}: Sluice merges nothing; merge it, or set `mode: full`",
            who=("whoever may merge",),
            link=promotion.proposal.url if promotion.proposal else page,
        )
    forge = f"forge {target.slot.forge}"
    return await _ours(
        known,
        promotion,
        (forge, "registry"),
        ("merge", "vouch"),
        "being_merged",
        "Sluice to merge its proposal",
    )


async def _rolling(known: Knowledge, promotion: Promotion, target: Target) -> Waiting:
    """Answer for a merged promotion that does not serve yet."""
    due = promotion.changed_at + target.rollout.deadline
    late = known.clock.now() > due
    cluster = f"cluster {target.cluster}"
    return await _ours(
        known,
        promotion,
        (cluster, f"forge {target.slot.forge}"),
        (),
        "rollout_overdue" if late else "rolling_out",
        f"merged; {target.cluster} to serve it, which it should by {due:%Y-%m-%d %H:%M:%S} UTC",
    )


def _ended(known: Knowledge, promotion: Promotion) -> Waiting:
    """Answer for a promotion nothing more will come of; the wish starts another one."""
    said, wish = _ENDED[promotion.state]
    return _answer(
        promotion,
        f"rollout_{promotion.state}" if promotion.state == "failed" else promotion.state,
        f"{said}: {promotion.reason}" if promotion.reason else said,
        who=tuple(sorted(known.people.names)),
        wish=command(wish, promotion.version, "" if wish == "evaluate" else promotion.target),
        link=f"/promotions/{promotion.id}",
    )


async def _ours(
    known: Knowledge,
    promotion: Promotion,
    products: tuple[str, ...],
    handlers: tuple[str, ...],
    state: str,
    waits_for: str,
) -> Waiting:
    """Answer for a step that is Sluice's own, or what is in its way."""
    found = await obstacle(known, promotion.version.key, products, handlers)
    if found is None:
        return _answer(promotion, state, waits_for, who=SLUICE)
    return _answer(
        promotion,
        found.state if found.state != "waiting" else state,
        f"{waits_for}; {found.sentence}",
        who=("whoever runs Sluice",) if found.state == "dead_work" else SLUICE,
        wish=found.command,
    )


def _answer(
    promotion: Promotion,
    state: str,
    waits_for: str,
    *,
    who: tuple[str, ...],
    wish: str = "",
    link: str = "",
    details: tuple[str, ...] = (),
) -> Waiting:
    return Waiting(
        promotion.target,
        promotion.version.number,
        state,
        waits_for,
        promotion.changed_at,
        who,
        wish,
        link or f"/promotions/{promotion.id}",
        details,
    )
