"""Why a promotion ends before there was a pull request.

Place in the flow: propose asks before it opens one. No forge ever knew of these promotions, so
propose says their end itself; `rules/proposal_end` has those a forge knows.
"""

from collections.abc import Sequence

from processor.events import PromotionExpired, PromotionSuperseded, PromotionWithdrawn
from processor.rules.candidates import is_newer
from processor.rules.gates.verdict import shortfalls
from processor.rules.holds import in_words, stops
from processor.rules.promotion import MERGED
from processor.rules.proposal_end import expired_because, superseded_by, withdrawn_because
from processor.values.hold import Hold
from processor.values.principal import SLUICE
from processor.values.promotion import Promotion
from processor.values.record import VersionRecord
from processor.values.slot import Slot
from processor.values.version import Version

Unproposed = type[PromotionWithdrawn | PromotionSuperseded | PromotionExpired]


def ends(
    promotion: Promotion,
    record: VersionRecord | None,
    hold: Hold | None,
    others: Sequence[Promotion],
) -> tuple[Unproposed, str] | None:
    """Return how a promotion that is only requested ends, and why; None: it is to be proposed.

    `hold` is that of its target, `others` are all promotions of its slot, and those of its model
    and target in another slot: the policy may have moved it meanwhile.
    """
    if record is None or record.deleted:
        return PromotionWithdrawn, "the version was deleted before it was proposed"
    if hold is not None and stops(hold, promotion):
        return PromotionWithdrawn, in_words(hold)
    judgement = record.judgement
    if judgement and judgement.verdict == "failed" and not promotion.restores:
        short = "; ".join(shortfalls(judgement.results))
        return PromotionWithdrawn, f"its newest evaluation failed: {short}"
    automatic = promotion.requested_by == SLUICE and not promotion.restores
    for other in others:
        if other.id == promotion.id:
            continue
        if other.state in MERGED | {"proposed"}:
            if other.requested_at > promotion.requested_at:
                return PromotionSuperseded, overtaken(other)
            ours = other.version.key == promotion.version.key
            if automatic and ours and is_newer(other.version, promotion.version):
                return PromotionSuperseded, f"by {other.version}, which is newer"
        same = _asked(other) == _asked(promotion)
        if other.state == "proposed" and other.proposal and same:
            return PromotionWithdrawn, f"#{other.proposal.number} asks for the same already"
    return None


def _asked(one: Promotion) -> tuple[Version, Slot, bool]:
    """Return what a promotion asks for."""
    return one.version, one.slot, one.restores


def moved(slot: Slot) -> str:
    """Return that the target of a promotion has another slot now."""
    return (
        f"its target is {slot.path} of {slot.object} in {slot.file} on {slot.branch} of "
        f"{slot.repository} now: it is asked for there"
    )


def overtaken(other: Promotion) -> str:
    """Return that another promotion of the slot was quicker."""
    return f"by {other.version}, asked for later"


def reason_to_close(kind: Unproposed, reason: str) -> str:
    """Return what a pull request is closed with that an interrupted turn has opened."""
    if kind is PromotionSuperseded:
        return superseded_by(reason)
    return expired_because(reason) if kind is PromotionExpired else withdrawn_because(reason)
