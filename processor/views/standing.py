"""How one version stood before the gates, as people read it.

Place in the flow: board, promotion, versions and why-not print these parts.
"""

from collections.abc import Sequence

from processor.values.evaluation import GateResult
from processor.values.record import Judgement, VersionRecord


def verdict_of(record: VersionRecord | None) -> str:
    """Return passed, failed, inconclusive, pending (gates are out) or none."""
    judgement = record.judgement if record else None
    if judgement is None:
        return "none"
    return judgement.verdict or "pending"


def shortfalls(judgement: Judgement | None) -> tuple[str, ...]:
    """Return why a judgement is not a pass, one sentence per gate."""
    return said_of(judgement.results) if judgement else ()


def said_of(results: Sequence[GateResult]) -> tuple[str, ...]:
    """Return why the gates that did not pass did not, one sentence each."""
    return tuple(
        gate.sentence or f"{gate.gate}: {gate.verdict}"
        for gate in results
        if gate.verdict != "passed"
    )


def ordered(
    metrics: Sequence[tuple[str, str]], first: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    """Return metrics with the named ones first, the others by name."""
    place = {name: number for number, name in enumerate(first)}
    return tuple(sorted(metrics, key=lambda one: (place.get(one[0], len(place)), one[0])))
