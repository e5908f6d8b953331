"""What a hold means for a promotion, and how it is said.

Place in the flow: propose closes what meets one, vouch and merge wait for its end, and
`sources/proposals` judges a merge by it. A hold never stops a way back.
"""

from processor.values.hold import Hold
from processor.values.promotion import Promotion

_HELD = "held by "


def stops(hold: Hold | None, promotion: Promotion) -> bool:
    """Tell whether the promotion has to wait for the end of the hold."""
    return hold is not None and not hold.ended and not promotion.restores


def in_words(hold: Hold) -> str:
    """Return who holds a target, since and until when, and why."""
    until = f" until {hold.until:%Y-%m-%d %H:%M} UTC" if hold.until else ""
    return f"{_HELD}{hold.by} since {hold.since:%Y-%m-%d %H:%M} UTC{until}: {hold.reason}"


def was_held(promotion: Promotion) -> bool:
    """Tell whether a promotion was closed because it met a hold: it is asked anew at its end."""
    return promotion.state == "withdrawn" and promotion.reason.startswith(_HELD)
