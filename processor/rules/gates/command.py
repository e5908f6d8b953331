"""What a program that judges a version said, and what its silence means.

Place in the flow: `sources/gates` turns the end of a job into a result with it. Only a clean end
and one JSON object on standard output count; anything else is inconclusive and says why.
"""

import json
from collections.abc import Mapping
from typing import NoReturn

from processor.policy.gates import CommandGate
from processor.values.evaluation import GateResult, Verdict
from processor.values.job import Ending
from processor.values.version import Version

_VERDICTS: dict[str, Verdict] = {
    "passed": "passed",
    "failed": "failed",
    "inconclusive": "inconclusive",
}
_ANSWER = '{"verdict": "passed", "reason": "...", "evidence": {...}}'
_LONGEST_REASON = 1000
_LONGEST_VALUE = 300
_MOST = 20


class _Unusable(ValueError):
    """The output is not the answer that was asked for."""


def answered(gate: CommandGate, ending: Ending) -> GateResult:
    """Return the gate's answer from how its program ended."""
    facts = (("runner", ending.runner), ("took", f"{ending.seconds:.1f} s"))
    problem = ending.problem
    if not problem:
        try:
            verdict, reason, evidence = _read(ending.said)
        except (ValueError, RecursionError) as exc:
            why = str(exc) if isinstance(exc, _Unusable) else "it cannot be read as JSON"
            problem = f"its answer cannot be used: {why}; it should print only {_ANSWER}"
        else:
            if not reason and verdict != "passed":
                reason = f"the program said {verdict} without a reason"
            return GateResult(gate.title, "command", verdict, reason, (*facts, *evidence))
    said = _last_line(ending.complaint)
    reason = f"{problem} (its last words: {said})" if said else problem
    return GateResult(gate.title, "command", "inconclusive", reason, facts)


def lost(gate: CommandGate, version: Version) -> GateResult:
    """Return the answer when the runner has nothing left of a job it was given."""
    return GateResult(
        gate.title,
        "command",
        "inconclusive",
        "the runner's folder was removed: ask again with "
        f"sluice evaluate {version.model} {version.number}",
    )


def _read(said: str) -> tuple[Verdict, str, tuple[tuple[str, str], ...]]:
    """Return the parts of an answer. Raises _Unusable, ValueError, RecursionError."""
    if not said.strip():
        raise _Unusable("it printed nothing")
    found = json.loads(said, parse_constant=_no_constant)
    if not isinstance(found, dict):
        raise _Unusable("it is not a JSON object")
    if unknown := sorted(set(found) - {"verdict", "reason", "evidence"}):
        raise _Unusable(f"it has a field {_short(unknown[0])!r} nobody reads")
    verdict = _VERDICTS.get(str(found.get("verdict")))
    if verdict is None:
        raise _Unusable(
            f"its verdict is {_text(found.get('verdict'))}, not passed, failed or inconclusive"
        )
    reason, evidence = found.get("reason", ""), found.get("evidence", {})
    if not isinstance(reason, str):
        raise _Unusable("its reason is not text")
    if not isinstance(evidence, dict):
        raise _Unusable("its evidence is not a JSON object")
    return verdict, _plain(reason)[:_LONGEST_REASON], _pairs(evidence)


def _pairs(evidence: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Return evidence as pairs of text: nested values as JSON, no more than people read."""
    pairs = [(_short(key), _text(value)) for key, value in list(evidence.items())[:_MOST]]
    if len(evidence) > _MOST:
        pairs.append(("left out", f"{len(evidence) - _MOST} more"))
    return tuple(pairs)


def _text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return _short(text)


def _short(text: str) -> str:
    plain = _plain(text)
    return plain if len(plain) <= _LONGEST_VALUE else plain[: _LONGEST_VALUE - 1] + "\u2026"


def _plain(text: str) -> str:
    """Return the text on one line, without what cannot be stored or printed."""
    return "".join(c if c.isprintable() else " " for c in text).strip()


def _last_line(complaint: str) -> str:
    lines = [line for line in complaint.splitlines() if line.strip()]
    return _short(lines[-1]) if lines else ""


def _no_constant(name: str) -> NoReturn:
    raise _Unusable(f"{name} is not a JSON number")
