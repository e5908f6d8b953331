"""What a gate's program said: only a clean end and one JSON object count."""

import json
from typing import Any

import pytest

from processor.policy.gates import CommandGate
from processor.rules.gates.awaited import silent
from processor.rules.gates.command import answered, lost
from processor.values.job import Ending
from tests.make import a_policy, a_version

GATE = CommandGate(command=("python", "check_bias.py"), name="bias check")


def ended(said: str = "", problem: str = "", complaint: str = "") -> Ending:
    return Ending(problem=problem, said=said, complaint=complaint, seconds=1.26, runner="local")


def answer(**fields: Any) -> str:
    return json.dumps(fields)


@pytest.mark.parametrize("verdict", ["passed", "failed", "inconclusive"])
def test_an_answer_is_taken_as_it_was_given(verdict: str) -> None:
    said = answer(verdict=verdict, reason="gap is 0.02", evidence={"gap": 0.02, "by": ["age"]})
    result = answered(GATE, ended(said))
    assert (result.gate, result.kind) == ("bias check says passed", "command")
    assert (result.verdict, result.reason) == (verdict, "gap is 0.02")
    assert result.evidence == (
        ("runner", "local"),
        ("took", "1.3 s"),
        ("gap", "0.02"),
        ("by", '["age"]'),
    )


def test_a_no_without_a_reason_still_has_one() -> None:
    assert answered(GATE, ended(answer(verdict="passed"))).reason == ""
    assert "without a reason" in answered(GATE, ended(answer(verdict="failed"))).reason


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("", "it printed nothing"),
        (" \n", "it printed nothing"),
        ("ok", "cannot be read as JSON"),
        ('starting...\n{"verdict": "passed"}', "cannot be read as JSON"),
        ('{"verdict": "passed"}{"verdict": "failed"}', "cannot be read as JSON"),
        ('"passed"', "not a JSON object"),
        ("[]", "not a JSON object"),
        ("{}", "its verdict is null"),
        (answer(verdict="ok"), "its verdict is ok, not passed, failed or inconclusive"),
        (answer(verdict=True), "its verdict is true"),
        (answer(verdict=["passed"]), "its verdict is"),
        (answer(verdict="passed", reson="x"), "a field 'reson' nobody reads"),
        (answer(verdict="passed", reason=1), "its reason is not text"),
        (answer(verdict="passed", evidence=[1]), "its evidence is not a JSON object"),
        ('{"verdict": "passed", "evidence": {"gap": NaN}}', "NaN is not a JSON number"),
        ("[" * 100_000, "cannot be read as JSON"),
        ('{"verdict": "passed", "evidence": {"n": ' + "9" * 5000 + "}}", "cannot be read as JSON"),
    ],
)
def test_anything_else_is_inconclusive_and_says_why(said: str, why: str) -> None:
    result = answered(GATE, ended(said))
    assert result.verdict == "inconclusive"
    assert why in result.reason
    assert 'print only {"verdict": "passed"' in result.reason


def test_a_problem_wins_over_what_was_printed_and_keeps_the_last_words() -> None:
    said = answer(verdict="passed")
    result = answered(
        GATE, ended(said, "it ended with exit code 1", "Traceback ...\nKeyError: 'auc'\n\n")
    )
    assert result.verdict == "inconclusive"
    assert result.reason == "it ended with exit code 1 (its last words: KeyError: 'auc')"


def test_what_is_kept_is_bounded_and_printable() -> None:
    evidence = {f"{n}\x00\u202e": "x\ud800" * 10_000 for n in range(50)}
    said = answer(verdict="failed", reason="a\nb" * 10_000, evidence=evidence)
    result = answered(GATE, ended(said))
    assert len(result.reason) <= 1000
    assert len(result.evidence) == 2 + 20 + 1
    assert result.evidence[-1] == ("left out", "30 more")
    texts = [result.reason, *(text for pair in result.evidence for text in pair)]
    assert all(text.isprintable() and len(text) <= 1000 for text in texts)
    assert "\n".join(texts).encode()


def test_silence_and_loss_say_what_to_do() -> None:
    assert "no answer within 65 minutes" in silent(GATE).reason
    result = lost(GATE, a_version("7"))
    assert (result.verdict, result.kind) == ("inconclusive", "command")
    assert result.reason == (
        "the runner's folder was removed: ask again with sluice evaluate fraud 7"
    )


def test_two_gates_of_one_name_are_refused_and_a_name_tells_them_apart() -> None:
    same = {"command": ["python", "check.py"]}
    with pytest.raises(ValueError, match=r"two gates are both 'command:python check\.py'"):
        a_policy(gates=[same, same])
    policy = a_policy(gates=[same, {**same, "name": "again"}])
    assert [gate.id for gate in policy.slow] == ["command:python check.py", "command:again"]


@pytest.mark.parametrize(
    "written",
    [
        {"command": []},
        {"command": [""]},
        {"command": "python check.py"},
        {"command": ["a\x00b"]},
        {"command": ["a"], "timeout": "0s"},
        {"command": ["a"], "timeout": "-5m"},
        {"command": ["a"], "within": "1h"},
        {"command": ["a"], "name": "a\nb"},
    ],
)
def test_what_cannot_run_is_refused(written: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="gates"):
        a_policy(gates=[written])
