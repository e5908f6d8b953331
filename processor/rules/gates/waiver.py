"""Let a gate pass although it did not, because somebody said so.

Place in the flow: `evaluate` lays the version's waivers over the results before it counts them.
What the gate itself found stays in the result, with who lets it pass beside it.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC

from processor.values.evaluation import GateResult
from processor.values.record import Waiver

_WAIVABLE = {"metric", "event", "command"}
"""A run that cannot vouch for a model, and another model's slot, are nobody's to wave through."""


def waived(results: Sequence[GateResult], waivers: Sequence[Waiver]) -> tuple[GateResult, ...]:
    """Return the results, those that did not pass with the waiver that stands for their gate."""
    given = {one.gate: one for one in waivers}
    return tuple(
        replace(result, waiver=_words(given[result.gate]))
        if result.gate in given and result.verdict != "passed" and result.kind in _WAIVABLE
        else result
        for result in results
    )


def bare(result: GateResult) -> GateResult:
    """Return what the gate itself found."""
    return replace(result, waiver="")


def _words(waiver: Waiver) -> str:
    until = waiver.until.astimezone(UTC)
    return f"waived by {waiver.by} until {until:%Y-%m-%d %H:%M} UTC: {waiver.reason}"
