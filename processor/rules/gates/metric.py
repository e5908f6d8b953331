"""Does a metric meet its bound, and is it good enough beside the serving version?

Place in the flow: `evaluate` asks it for every metric gate. Missing or non-finite never passes;
so does the 1.797e308 that MLflow stores for an infinity.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Literal

from processor.policy.gates import MetricGate
from processor.values.evaluation import GateResult, MetricRow, Verdict

_INFINITE = Decimal("1e308")


def number(text: str | None) -> Decimal | None:
    """Return a logged metric as a decimal, None when it is missing or not finite."""
    try:
        value = Decimal(text) if text is not None else None
    except InvalidOperation:
        return None
    if value is None or not value.is_finite() or value.copy_abs() >= _INFINITE:
        return None
    return value


def judge(
    gate: MetricGate,
    candidate: Mapping[str, str],
    champion: Mapping[str, str] | None,
    first: Literal["propose", "inconclusive"],
) -> tuple[GateResult, MetricRow]:
    """Return the verdict and the comparison's row; `champion` None means nothing serves yet."""
    told = candidate.get(gate.metric)
    value = number(told)
    base_told = champion.get(gate.metric) if champion is not None else None
    base = number(base_told)
    if value is None:
        verdict: Verdict = "failed"
        reason = (
            f"{gate.metric} was not logged by the training run"
            if told is None
            else f"{gate.metric} is {told}, which is not a finite number"
        )
    else:
        verdict, reason = _bounds(gate, value)
        if verdict == "passed" and gate.against:
            verdict, reason = _beside(gate, value, base, champion is not None, first)
    delta = f"{value - base:+}" if value is not None and base is not None else None
    row = MetricRow(gate.metric, told, base_told, delta, gate.better, gate.title, verdict)
    evidence = [("value", told or "missing")]
    if gate.against:
        evidence.append(("serving", base_told or "missing" if champion is not None else "none yet"))
    return GateResult(gate.title, "metric", verdict, reason, tuple(evidence)), row


def _bounds(gate: MetricGate, value: Decimal) -> tuple[Verdict, str]:
    """Check the absolute bounds; both are inclusive."""
    if gate.at_least is not None and value < gate.at_least:
        return "failed", f"{gate.metric} is {value}, wanted at least {gate.at_least}"
    if gate.at_most is not None and value > gate.at_most:
        return "failed", f"{gate.metric} is {value}, wanted at most {gate.at_most}"
    return "passed", ""


def _beside(
    gate: MetricGate,
    value: Decimal,
    base: Decimal | None,
    there: bool,  # noqa: FBT001 - said once, three lines away
    first: Literal["propose", "inconclusive"],
) -> tuple[Verdict, str]:
    """Check how much worse than the serving version the candidate is."""
    if not there:
        if first == "propose":
            return "passed", "nothing serves yet, so there is nothing to be worse than"
        return "inconclusive", "nothing serves yet to compare with, and `first` is inconclusive"
    if base is None:
        return "inconclusive", f"the serving version has no finite {gate.metric} to compare with"
    worse = base - value if gate.better == "higher" else value - base
    slack = Decimal(0)
    words = "not worse than"
    if gate.worse_by_at_most is not None:
        if gate.worse_by_at_most.absolute is not None:
            slack = gate.worse_by_at_most.absolute
        elif gate.worse_by_at_most.relative is not None:
            slack = gate.worse_by_at_most.relative * abs(base)
        words = f"at most {slack.normalize():f} worse than"
    if worse > slack:
        return (
            "failed",
            f"{gate.metric} is {value}, wanted {words} the serving version's {base}",
        )
    return "passed", ""
