"""What a stage that somebody set by hand asks for.

Place in the flow: the handler heed decides by it.
"""

from collections.abc import Sequence

from processor.policy.policy import Policy
from processor.policy.targets import Target
from processor.rules.promotion import MERGED, OPEN
from processor.values.promotion import Promotion
from processor.values.record import VersionRecord
from processor.values.version import Version


def stages_of(target: Target) -> frozenset[str]:
    """Return the stages that stand for having been merged to, or for serving at, a target."""
    marks = (*target.registry.on_merge, *target.registry.on_serving)
    return frozenset(mark.removeprefix("stage:") for mark in marks if mark.startswith("stage:"))


def passed_today(record: VersionRecord, policy: Policy) -> bool:
    """Tell whether the newest evaluation passed, under the policy as it is now."""
    judgement = record.judgement
    return (
        judgement is not None
        and judgement.verdict == "passed"
        and judgement.policy_digest == policy.digest
    )


def on_its_way(promotions: Sequence[Promotion], version: Version, target: str) -> bool:
    """Tell whether a version is at a target, or on its way there."""
    return any(
        one.version == version and one.target == target and one.state in OPEN | MERGED
        for one in promotions
    )
