"""Why does a promotion not go on?

Place in the flow: the second half of `why_not`, for a version somebody has asked for.
"""

from collections.abc import Mapping, Sequence

from processor.policy.targets import Approval, Target
from processor.rules.candidates import held_wish, still_wanted
from processor.rules.promotion import MERGED, OPEN
from processor.values.deadline import Deadline, proposal_key, rollout_key
from processor.values.promotion import Promotion, State
from processor.values.record import VersionRecord
from processor.values.version import Version
from processor.views.knowledge import Knowledge
from processor.views.obstacles import Step, unless_hindered
from processor.views.promotions import able, conditions_of
from processor.views.states import WaitState
from processor.views.switched import Held, held
from processor.views.waiting import OPERATORS, SLUICE, WRITERS, Waiting, command, explain

_ENDED: Mapping[State, tuple[WaitState, str, str]] = {
    "rejected": ("rejected", "a person said no", "request"),
    "withdrawn": ("withdrawn", "it no longer held and was closed", "evaluate"),
    "superseded": ("superseded", "a newer promotion took its place", "request"),
    "expired": ("expired", "nobody decided in time", "request"),
    "bypassed": ("bypassed", "it was merged against the rule", "request"),
    "failed": ("rollout_failed", "it was merged and does not serve", "request"),
    "serving": ("replaced", "it served, and does not any more", "request"),
}


async def promoted(
    known: Knowledge, promotion: Promotion, target: Target, of_model: Sequence[Promotion]
) -> Waiting:
    """Answer for the newest promotion of a version to a target; `of_model` has all the others."""
    match promotion.state:
        case "requested":
            return await _requested(known, promotion, target)
        case "proposed":
            return await _proposed(known, promotion, target)
        case "approved" | "rolling_out":
            return await _rolling(known, promotion, target)
        case "withdrawn":
            return await _withdrawn(known, promotion, target, of_model)
        case _:
            return _ended(known, promotion)


def overtaken_by(
    promotions: Sequence[Promotion], version: Version, target: str
) -> Promotion | None:
    """Return the promotion of a newer version that is there or on its way, None without one."""
    newer = [
        one
        for one in promotions
        if one.target == target
        and one.state in OPEN | MERGED
        and (one.version.created_ms, one.version.number) > (version.created_ms, version.number)
    ]
    return newer[-1] if newer else None


def on_hold(known: Knowledge, version: Version, target: Target, hold: Held) -> Waiting:
    """Answer for a target that somebody holds."""
    return Waiting(
        target.name,
        version.number,
        "held",
        f"somebody who releases it: {hold.sentence}",
        hold.since,
        tuple(sorted(known.people.names)),
        hold.command,
    )


async def _requested(known: Knowledge, promotion: Promotion, target: Target) -> Waiting:
    mode = known.modes.of(promotion.version.key)
    if mode == "observe":
        return _answer(
            promotion,
            "mode_observe",
            f"the mode of {promotion.version.model} is observe: Sluice watches and writes nothing; "
            "set `mode: propose` or `full`",
            who=OPERATORS,
        )
    hold = await held(known, promotion.version.key, target.name)
    if hold is not None and not promotion.restores:
        return on_hold(known, promotion.version, target, hold)
    return await unless_hindered(
        known,
        _answer(promotion, "being_proposed", "Sluice to open its proposal", who=SLUICE),
        _step(promotion, (f"forge {target.slot.forge}", "registry"), ("propose",)),
    )


async def _proposed(known: Knowledge, promotion: Promotion, target: Target) -> Waiting:
    """Answer for an open proposal: who or what still owes something before it may be merged."""
    lacks = await conditions_of(known, promotion)
    details = (*lacks.all, *await _expiry(known, promotion))
    hold = await held(known, promotion.version.key, target.name)
    if lacks.hold and hold is not None:
        found = on_hold(known, promotion.version, target, hold)
        return _answer(
            promotion,
            "held",
            found.waits_for,
            who=found.who,
            wish=found.command,
            details=details,
        )
    if lacks.people:
        return await _undecided(known, promotion, target, details)
    if lacks.gates:
        owed = "its gates, which owe an answer again"
        handlers = ("evaluate", "withdraw", "startgates")
        return await unless_hindered(
            known,
            _answer(promotion, "awaiting_verdict", owed, who=SLUICE, details=details),
            _step(promotion, ("registry",), handlers, writes=False),
        )
    return await _unmerged(known, promotion, target, details)


async def _undecided(
    known: Knowledge, promotion: Promotion, target: Target, details: tuple[str, ...]
) -> Waiting:
    """Answer for a proposal that lacks a yes, or is not only ours any more."""
    version = promotion.version
    number = promotion.proposal.number if promotion.proposal else "?"
    if target.approval == "automatic":
        return _answer(
            promotion,
            "foreign_commits",
            f"somebody who decides on proposal {number}: Sluice does not merge what others pushed",
            who=("whoever may merge", *sorted(known.people.names)),
            wish=command("reject", version, promotion.target, reason=True),
            details=details,
        )
    may = await able(known, promotion)
    return _answer(
        promotion,
        "awaiting_approval" if may else "nobody_may_approve",
        f"approval of proposal {number}" + ("" if may else ", and nobody is left who may give it"),
        who=tuple(may) or WRITERS,
        wish=command("approve", version, promotion.target) if may else explain(version.model),
        details=details,
    )


async def _unmerged(
    known: Knowledge, promotion: Promotion, target: Target, details: tuple[str, ...]
) -> Waiting:
    """Answer for a proposal that may be merged: by a person, or by us where the mode allows."""
    page = f"/promotions/{promotion.id}"
    url = promotion.proposal.url if promotion.proposal else page
    if isinstance(target.approval, Approval) and target.approval.merge == "person":
        return _answer(
            promotion,
            "awaiting_merge",
            "a person to merge its proposal: every condition holds",
            who=("whoever may merge",),
            link=url,
            details=details,
        )
    mode = known.modes.of(promotion.version.key)
    if mode != "full":
        return _answer(
            promotion,
            "mode_observe" if mode == "observe" else "mode_propose",
            f"the mode of {promotion.version.model} is {mode}: Sluice merges nothing; merge it, or "
            "set `mode: full`",
            who=("whoever may merge", *OPERATORS),
            link=url,
            details=details,
        )
    merging = "Sluice to merge its proposal"
    return await unless_hindered(
        known,
        _answer(promotion, "being_merged", merging, who=SLUICE, details=details),
        _step(promotion, (f"forge {target.slot.forge}", "registry"), ("merge", "vouch")),
    )


async def _expiry(known: Knowledge, promotion: Promotion) -> tuple[str, ...]:
    """Return until when somebody may decide."""
    ends = await known.views.get(Deadline, proposal_key(promotion.id))
    if ends is None or ends.passed:
        return ()
    return (f"it expires {ends.due:%Y-%m-%d %H:%M:%S} UTC when nobody decides",)


async def _rolling(known: Knowledge, promotion: Promotion, target: Target) -> Waiting:
    """Answer for a merged promotion that does not serve yet."""
    ends = await known.views.get(Deadline, rollout_key(promotion.id))
    due = ends.due if ends else promotion.changed_at + target.rollout.deadline
    late = known.clock.now() > due
    products = (f"cluster {target.cluster}", f"forge {target.slot.forge}")
    answer = _answer(
        promotion,
        "rollout_overdue" if late else "rolling_out",
        f"merged; {target.cluster} to serve it, which it should by {due:%Y-%m-%d %H:%M:%S} UTC",
        who=(f"whoever runs the cluster {target.cluster}",) if late else SLUICE,
    )
    return await unless_hindered(known, answer, _step(promotion, products, (), writes=False))


async def _withdrawn(
    known: Knowledge, promotion: Promotion, target: Target, of_model: Sequence[Promotion]
) -> Waiting:
    """Answer for one that was closed: what met a hold is asked anew at its end."""
    record = await known.views.get(VersionRecord, promotion.version.path)
    wish = held_wish(of_model, target.name)
    if wish is None or wish.id != promotion.id or not still_wanted(wish, record):
        return _ended(known, promotion)
    hold = await held(known, promotion.version.key, target.name)
    if hold is not None:
        return on_hold(known, promotion.version, target, hold)
    again = "Sluice to ask for it again: the hold it met is over"
    return await unless_hindered(
        known,
        _answer(promotion, "being_requested", again, who=SLUICE),
        _step(promotion, (), ("renew",), writes=False),
    )


def _ended(known: Knowledge, promotion: Promotion) -> Waiting:
    """Answer for a promotion nothing more will come of; the wish starts another one."""
    state, said, wish = _ENDED[promotion.state]
    return _answer(
        promotion,
        state,
        f"{said}: {promotion.reason}" if promotion.reason else said,
        who=tuple(sorted(known.people.names)),
        wish=command(wish, promotion.version, "" if wish == "evaluate" else promotion.target),
    )


def _step(
    promotion: Promotion, products: Sequence[str], handlers: Sequence[str], *, writes: bool = True
) -> Step:
    return Step(
        model_key=promotion.version.key,
        handlers=frozenset(handlers),
        products=tuple(products),
        version=promotion.version,
        writes=writes,
        again=command("request", promotion.version, promotion.target),
        since=promotion.requested_at,
    )


def _answer(
    promotion: Promotion,
    state: WaitState,
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
