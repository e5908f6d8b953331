"""Everything that must hold before a pull request may be merged.

Place in the flow: vouch says it on the commit, merge waits for it, promotion page and `why-not`
print it. `rules/approval` has the people's half.
"""

from collections.abc import Sequence

from processor.rules.approval import Parties, Written, unmet
from processor.rules.holds import in_words, stops
from processor.values.hold import Hold
from processor.values.promotion import Promotion
from processor.values.record import VersionRecord
from processor.values.serving import Serving


def missing(
    rule: Written,
    promotion: Promotion,
    parties: Parties,
    head_sha: str,
    record: VersionRecord | None,
    serving: Serving | None,
    hold: Hold | None = None,
) -> Sequence[str]:
    """Return what is still missing, in words; empty: it may be merged now."""
    return (
        *hold_missing(promotion, hold),
        *gates_missing(promotion, record, serving),
        *unmet(rule, promotion, parties, head_sha),
    )


def hold_missing(promotion: Promotion, hold: Hold | None) -> Sequence[str]:
    """Return that somebody holds the target; a way back goes through."""
    return (in_words(hold),) if hold is not None and stops(hold, promotion) else ()


def gates_missing(
    promotion: Promotion, record: VersionRecord | None, serving: Serving | None
) -> Sequence[str]:
    """Return what the gates still owe; a way back needs none."""
    if promotion.restores:
        return ()
    if owed := verdict_missing(promotion, record):
        return owed
    judgement = record.judgement if record else None
    champion = judgement.comparison.champion if judgement and judgement.comparison else None
    now = serving.version if serving else None
    if now is not None and now not in {champion, promotion.version}:
        beside = f"v{champion.number}" if champion else "nothing"
        return (f"it was compared with {beside}, but v{now.number} serves now: judged again soon",)
    return ()


def verdict_missing(promotion: Promotion, record: VersionRecord | None) -> Sequence[str]:
    """Return what the verdict lacks; with whom it was compared does not count here.

    This is what a merge is judged by afterwards: by then the version itself may serve.
    """
    if promotion.restores:
        return ()
    if record is None or record.deleted:
        return (f"{promotion.version} is no longer in the registry",)
    judgement = record.judgement
    if judgement is None or judgement.verdict is None:
        return ("its gates have not all answered",)
    if judgement.verdict != "passed":
        return (f"its newest evaluation {judgement.verdict}",)
    return ()
