"""From every gate's answer to one verdict.

Place in the flow: `evaluate` says the verdict; pages and `why-not` print the shortfalls.
"""

from collections.abc import Sequence

from processor.values.evaluation import GateResult, Verdict


def verdict_of(results: Sequence[GateResult]) -> Verdict:
    """Return failed if any gate failed, else inconclusive if any was, else passed.

    A waived gate counts as passed.
    """
    given = {result.counts for result in results}
    if "failed" in given:
        return "failed"
    return "inconclusive" if "inconclusive" in given else "passed"


def shortfalls(results: Sequence[GateResult]) -> tuple[str, ...]:
    """Return the sentences of the gates that did not pass and are not waived."""
    return tuple(
        result.reason or f"{result.gate}: {result.verdict}"
        for result in results
        if result.counts != "passed"
    )
