"""What another system said, or a slow gate did not say in time.

Place in the flow: `sources/gates` turns a foreign event into a result with `heard`, `evaluate`
the silence after the window into `silent`, and what a waiver made needless into `unasked`.
"""

from datetime import UTC, datetime

from processor.policy.gates import CommandGate, EventGate, SlowGate
from processor.values.evaluation import GateResult, Verdict

_UNASKED = "it was not asked, as it is waived"


def heard(
    gate: EventGate, sender: str, verdict: Verdict, reason: str, at: datetime | None = None
) -> GateResult:
    """Return the gate's answer as its sender gave it at a moment."""
    said = reason or ("" if verdict == "passed" else f"{sender} said {verdict} without a reason")
    evidence = [("sender", sender)]
    if at is not None:
        evidence.append(("said at", f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"))
    return GateResult(gate.title, "event", verdict, said, tuple(evidence))


def silent(gate: SlowGate) -> GateResult:
    """Return the answer when nobody said anything within the window."""
    minutes = gate.wait.total_seconds() / 60
    if isinstance(gate, CommandGate):
        reason = (
            f"the program gave no answer within {minutes:g} minutes: more gates wait than run at "
            "once (evaluator.local.parallel), or it was never started; ask again with "
            "sluice evaluate"
        )
        return GateResult(gate.title, "command", "inconclusive", reason)
    return GateResult(
        gate.title, "event", "inconclusive", f"no {gate.event} arrived within {minutes:g} minutes"
    )


def unasked(gate: SlowGate) -> GateResult:
    """Return the answer of a waived gate nobody waited for."""
    kind = "command" if isinstance(gate, CommandGate) else "event"
    return GateResult(gate.title, kind, "inconclusive", _UNASKED)


def is_answer(result: GateResult) -> bool:
    """Tell whether a slow gate was asked: such a result may be counted again."""
    return result.kind in {"event", "command"} and result.reason != _UNASKED
