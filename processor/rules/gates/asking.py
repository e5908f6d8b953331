"""Which slow gates are still to be asked, and what the others have said.

Place in the flow: `evaluate` asks this before it judges. A waived gate is never waited for; what
a gate has answered about a version is not asked again because a waiver came or went. The gates are
those of the policy in force now: one that nobody was asked for has no answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from processor.policy.gates import SlowGate
from processor.policy.policy import Policy
from processor.rules.gates.awaited import is_answer, silent, unasked
from processor.rules.gates.waiver import bare
from processor.values.evaluation import GateResult
from processor.values.record import VersionRecord


@dataclass(frozen=True)
class Asking:
    """`waiting` are the gates to ask now; `answers` what the rest said, in the policy's order.

    What fails already asks nobody, so a version with `waiting` gates may be judged without them.
    """

    waiting: tuple[SlowGate, ...]
    answers: tuple[GateResult, ...]


def first(policy: Policy, record: VersionRecord) -> Asking:
    """Return it for an evaluation that begins: all are asked but those that are waived."""
    let_pass = _waived(record)
    known = _known(record)
    return Asking(
        tuple(gate for gate in policy.slow if gate.title not in let_pass),
        tuple(
            known.get(gate.title) or unasked(gate) for gate in policy.slow if gate.title in let_pass
        ),
    )


def heard(
    policy: Policy, record: VersionRecord, evaluation_id: str, *, over: bool
) -> Asking | None:
    """Return it once all of an evaluation's gates are in, or its time is `over`.

    None: another evaluation is the newest, it has its verdict, or somebody is still out.
    """
    judgement = record.judgement
    if judgement is None or judgement.verdict is not None or judgement.event_id != evaluation_id:
        return None
    if not over and _out(policy, record):
        return None
    return Asking((), _said(policy, record))


def again(policy: Policy, record: VersionRecord) -> Asking | None:
    """Return it after a waiver came or ended: a gate without an answer is asked now.

    None: nothing was judged yet, or the verdict will come when the gates that are out are in.
    """
    judgement = record.judgement
    if judgement is None:
        return None
    if judgement.verdict is None:
        return None if _out(policy, record) else Asking((), _said(policy, record))
    known, let_pass = _known(record), _waived(record)
    waiting = tuple(
        gate for gate in policy.slow if gate.title not in let_pass and gate.title not in known
    )
    others = tuple(gate for gate in policy.slow if gate not in waiting)
    answers = tuple(known.get(gate.title) or unasked(gate) for gate in others)
    return Asking(waiting, answers)


def _out(policy: Policy, record: VersionRecord) -> Sequence[SlowGate]:
    """Return the gates an evaluation still waits for."""
    judgement, let_pass = record.judgement, _waived(record)
    pending = judgement.pending if judgement else ()
    return [gate for gate in policy.slow if gate.id in pending and gate.title not in let_pass]


def _said(policy: Policy, record: VersionRecord) -> tuple[GateResult, ...]:
    """Return every slow gate's answer, the silence of those that gave none."""
    known, let_pass = _known(record), _waived(record)
    return tuple(
        known.get(gate.title) or (unasked(gate) if gate.title in let_pass else silent(gate))
        for gate in policy.slow
    )


def _known(record: VersionRecord) -> dict[str, GateResult]:
    """Return what the slow gates said in the newest evaluation, by title."""
    results = record.judgement.results if record.judgement else ()
    return {result.gate: bare(result) for result in results if is_answer(result)}


def _waived(record: VersionRecord) -> frozenset[str]:
    return frozenset(waiver.gate for waiver in record.waivers)
