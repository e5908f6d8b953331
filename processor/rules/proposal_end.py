"""How a promotion ended, from the final state of its pull request.

Place in the flow: `sources/proposals` alone asks this and appends the answer; handlers close with
the reasons spelled here, so that the closer's meaning survives the way through the forge.
Merged always wins. A close by us is never a rejection; a close by somebody who could have
approved is one; anybody else's close only withdraws the proposal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from processor.events import (
    Event,
    Head,
    PromotionApproved,
    PromotionBypassed,
    PromotionExpired,
    PromotionRejected,
    PromotionSuperseded,
    PromotionWithdrawn,
)
from processor.rules.approval import Parties, Written, counted, unmet
from processor.rules.conditions import hold_missing, verdict_missing
from processor.rules.gates.verdict import shortfalls as gates_short
from processor.values.about import About
from processor.values.deadline import Deadline
from processor.values.hold import Hold
from processor.values.principal import SLUICE, UNKNOWN, Principal
from processor.values.promotion import Promotion
from processor.values.proposal import Proposal
from processor.values.record import VersionRecord

SUPERSEDED = "superseded: "
WITHDRAWN = "withdrawn: "
EXPIRED = "expired: "

Closed = PromotionRejected | PromotionSuperseded | PromotionWithdrawn | PromotionExpired
EndEvent = PromotionApproved | PromotionBypassed | Closed


def superseded_by(other: str) -> str:
    """Return the reason to close with when `other` (a version or promotion) took its place."""
    return f"{SUPERSEDED}{other}"


def withdrawn_because(text: str) -> str:
    """Return the reason to close with when the proposal no longer holds."""
    return f"{WITHDRAWN}{text}"


def expired_because(text: str) -> str:
    """Return the reason to close with when nobody decided in time."""
    return f"{EXPIRED}{text}"


def no_longer(
    promotion: Promotion, record: VersionRecord | None, expiry: Deadline | None
) -> str | None:
    """Return the reason to close an open proposal with, None while it still holds.

    A way back is closed neither for its gates nor because its version was judged anew.
    """
    if record is None or record.deleted:
        return withdrawn_because("the version was deleted")
    judgement = record.judgement
    if judgement and judgement.verdict == "failed" and not promotion.restores:
        short = "; ".join(gates_short(judgement.results))
        return withdrawn_because(f"its evaluation failed: {short}")
    if expiry is not None and expiry.passed:
        return expired_because(f"nobody decided by {expiry.due:%Y-%m-%d %H:%M} UTC")
    return None


@dataclass(frozen=True, kw_only=True)
class Ending:
    """What the judgement rests on.

    `rule` is None when no policy or target rules the promotion any more, and `unruled` says so;
    `record` is its version as known now, `then` as it was known at the merge; `merged_uri` is what
    the slot holds at the merge commit (None: nothing readable, and `unreadable` says why, if there
    is more to say). `hold` is that of the target as it was at the merge, and `rollout` how long the
    target's rule gives the cluster from then on.
    """

    promotion: Promotion
    proposal: Proposal
    rule: Written | None
    parties: Parties
    record: VersionRecord | None
    then: VersionRecord | None = None
    unruled: str = ""
    merged_uri: str | None = None
    unreadable: str = ""
    hold: Hold | None = None
    rollout: timedelta | None = None


def end_of(ending: Ending) -> EndEvent | None:
    """Return how the promotion ended, or None while it is open or when the end is void."""
    proposal = ending.proposal
    if proposal.state == "open" or proposal.void:
        return None
    return _merged(ending) if proposal.state == "merged" else _closed(ending)


def shortfalls(ending: Ending) -> tuple[str, ...]:
    """Return what was missing when it was merged, in words; empty: the rule held."""
    promotion, proposal = ending.promotion, ending.proposal
    missing = [*_held(ending), *_ungated(ending)]
    missing += (
        [ending.unruled or "no policy rules this target any more"]
        if ending.rule is None
        else unmet(ending.rule, promotion, ending.parties, proposal.head_sha)
    )
    if ending.merged_uri is None:
        missing.append(
            ending.unreadable or f"merged content names nothing at {promotion.slot.path}"
        )
    elif ending.merged_uri != promotion.uri:
        missing.append(f"merged content names {ending.merged_uri} instead of {promotion.uri}")
    return tuple(missing)


def _held(ending: Ending) -> Sequence[str]:
    """Return the hold somebody else merged against; our own merge looked before it."""
    ours = ending.proposal.ended_by == SLUICE
    return () if ours else hold_missing(ending.promotion, ending.hold)


def _ungated(ending: Ending) -> Sequence[str]:
    """Return what the gates lacked; nothing where they had passed when it was merged.

    What came after the merge (a new evaluation, the version's deletion) does not undo that.
    """
    lacked = verdict_missing(ending.promotion, ending.record)
    return lacked if verdict_missing(ending.promotion, ending.then) else ()


def _merged(ending: Ending) -> PromotionApproved | PromotionBypassed:
    """Return approved when the rule held for what was merged, else bypassed."""
    promotion, proposal = ending.promotion, ending.proposal
    missing = shortfalls(ending)
    merge_sha, merged_by = proposal.merge_sha or "", proposal.ended_by or UNKNOWN
    due = proposal.ended_at + ending.rollout if proposal.ended_at and ending.rollout else None
    if missing or ending.rule is None:
        return PromotionBypassed(
            head=_head(PromotionBypassed, ending, merge_sha),
            promotion_id=promotion.id,
            version=promotion.version,
            target=promotion.target,
            slot=promotion.slot,
            uri=ending.merged_uri or promotion.uri,
            merge_sha=merge_sha,
            merged_by=merged_by,
            unmet=missing,
            rollout_due=due,
        )
    return PromotionApproved(
        head=_head(PromotionApproved, ending, merge_sha),
        promotion_id=promotion.id,
        version=promotion.version,
        target=promotion.target,
        slot=promotion.slot,
        uri=promotion.uri,
        merge_sha=merge_sha,
        merged_by=merged_by,
        approvals=counted(ending.rule, promotion, ending.parties, proposal.head_sha),
        rollout_due=due,
    )


def _closed(ending: Ending) -> Closed:
    """Return what a close means, by who closed."""
    promotion, proposal = ending.promotion, ending.proposal
    closer = proposal.ended_by or UNKNOWN
    # A branch deleted behind our back has no moment; its last head stands for it.
    moment = proposal.ended_at.isoformat() if proposal.ended_at else proposal.head_sha
    if _may_reject(ending.rule, closer):
        return PromotionRejected(
            head=_head(PromotionRejected, ending, moment),
            promotion_id=promotion.id,
            version=promotion.version,
            target=promotion.target,
            by=closer,
            reason=proposal.end_reason,
        )
    kind, reason = _meant(proposal, closer)
    return kind(
        head=_head(kind, ending, moment),
        promotion_id=promotion.id,
        version=promotion.version,
        target=promotion.target,
        reason=reason,
    )


def _meant(
    proposal: Proposal, closer: Principal
) -> tuple[type[PromotionSuperseded | PromotionExpired | PromotionWithdrawn], str]:
    """Return what a close that rejects nothing means, by the reason it was closed with."""
    if closer != SLUICE:
        said = f": {proposal.end_reason}" if proposal.end_reason else ""
        return PromotionWithdrawn, f"closed by {closer}, who is no approver{said}"
    for prefix, kind in ((SUPERSEDED, PromotionSuperseded), (EXPIRED, PromotionExpired)):
        if proposal.end_reason.startswith(prefix):
            return kind, proposal.end_reason.removeprefix(prefix)
    return PromotionWithdrawn, proposal.end_reason.removeprefix(WITHDRAWN)


def _may_reject(rule: Written | None, closer: Principal) -> bool:
    """Tell whether a close is a rejection: an approver's, their own change included."""
    return (
        rule is not None
        and rule != "automatic"
        and closer != SLUICE
        and closer.assurance == "authenticated"
        and closer.name in rule.people
    )


def _head(kind: type[Event], ending: Ending, fact: str) -> Head:
    """Return the head: whose deed it was, identified by the outside fact."""
    promotion, proposal = ending.promotion, ending.proposal
    return kind.heading(
        About.of(promotion.version, promotion.target),
        f"{promotion.id}:{fact}",
        actor=proposal.ended_by or UNKNOWN,
        cause=promotion.request_id,
        time=proposal.ended_at,
    )
