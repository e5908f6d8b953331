"""What another system said, or did not say in time.

Place in the flow: `sources/gates` turns a foreign event into a result with it, `evaluate` the
silence after the window.
"""

from processor.policy.gates import EventGate
from processor.values.evaluation import GateResult, Verdict


def heard(gate: EventGate, sender: str, verdict: Verdict, reason: str) -> GateResult:
    """Return the gate's answer as its sender gave it."""
    said = reason or ("" if verdict == "passed" else f"{sender} said {verdict} without a reason")
    return GateResult(gate.title, "event", verdict, said, (("sender", sender),))


def silent(gate: EventGate) -> GateResult:
    """Return the answer when nobody said anything within the window."""
    minutes = gate.within.total_seconds() / 60
    return GateResult(
        gate.title, "event", "inconclusive", f"no {gate.event} arrived within {minutes:g} minutes"
    )
