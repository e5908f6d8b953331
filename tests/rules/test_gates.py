"""What is not known to be good enough does not pass, and what is good enough always does."""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.policy.gates import EventGate, MetricGate
from processor.rules.gates.awaited import heard, silent
from processor.rules.gates.metric import judge, number
from processor.rules.gates.verdict import shortfalls, verdict_of
from processor.values.evaluation import GateResult, MetricRow, Verdict

GARBAGE = [
    "NaN",
    "nan",
    "-nan",
    "sNaN",
    "inf",
    "-inf",
    "Infinity",
    "1.797e308",
    "-1.797e308",
    "1.7976931348623157e+308",
    "1e400",
    "-1e400",
    "1e1000000",
    "1e99999999999999999999",
    "",
    " ",
    "n/a",
    "None",
    "0x10",
    "1,5",
    "0.9.1",
    "--1",
    "true",
]


def gate(**written: Any) -> MetricGate:
    return MetricGate.model_validate({"metric": "m", "better": "higher", **written})


def beside(
    candidate: str | None,
    champion: str | None,
    *,
    better: str = "higher",
    slack: Mapping[str, object] | None = None,
) -> Verdict:
    """Return the verdict on a candidate beside a champion that serves."""
    asked = gate(better=better, against="serving", worse_by_at_most=slack)
    return answer(asked, candidate, {"m": champion} if champion is not None else {})[0].verdict


def answer(
    asked: MetricGate, candidate: str | None, champion: dict[str, str] | None = None
) -> tuple[GateResult, MetricRow]:
    logged = {"m": candidate} if candidate is not None else {}
    return judge(asked, logged, champion, "propose")


def test_arithmetic_is_decimal_on_the_text_that_was_logged() -> None:
    binary = 0.3 - 0.2
    assert binary < 0.1, "floats would call 0.3 - 0.2 less than 0.1"
    assert 0.3 - 0.1 < 0.2
    assert beside("0.2", "0.3", slack={"absolute": 0.1}) == "passed"
    assert beside("0.1", "0.3", slack={"absolute": 0.2}) == "passed"
    assert beside("0.7", "0.8", slack={"absolute": 0.1}) == "passed", "floats: 0.8-0.7 > 0.1"
    assert beside("0.699999999999999999", "0.8", slack={"absolute": 0.1}) == "failed"
    assert gate(at_least=0.1).at_least == Decimal("0.1")


@pytest.mark.parametrize(
    ("written", "logged", "verdict"),
    [
        ({"at_least": 0.92}, "0.92", "passed"),
        ({"at_least": 0.92}, "0.9200000000000000000000001", "passed"),
        ({"at_least": 0.92}, "0.9199999999999999999999999", "failed"),
        ({"at_most": 40}, "40", "passed"),
        ({"at_most": 40}, "4e1", "passed"),
        ({"at_most": 40}, "40.0000000000000000000001", "failed"),
        ({"at_least": 1, "at_most": 2}, "1", "passed"),
        ({"at_least": 1, "at_most": 2}, "2", "passed"),
        ({"at_least": 1, "at_most": 2}, "0.99", "failed"),
        ({"at_least": 1, "at_most": 2}, "2.01", "failed"),
        ({"at_least": 0}, "-0.0", "passed"),
        ({"at_least": 0}, "-1e-300", "failed"),
    ],
)
def test_bounds_are_inclusive(written: dict[str, object], logged: str, verdict: str) -> None:
    result, row = answer(gate(**written), logged)
    assert (result.verdict, row.verdict) == (verdict, verdict)
    assert bool(result.reason) == (verdict == "failed")
    assert row.candidate == logged


@pytest.mark.parametrize("text", GARBAGE)
def test_what_is_not_a_finite_number_never_passes(text: str) -> None:
    asked = [
        gate(at_least=-(10**400)),
        gate(better="lower", at_most=10**400),
        gate(against="serving"),
        gate(better="lower", against="serving", worse_by_at_most={"relative": 10**9}),
    ]
    for one in asked:
        result, row = answer(one, text, {"m": "1"})
        assert result.verdict == "failed", one.title
        assert f"m is {text}, which is not a finite number" == result.reason
        assert (row.candidate, row.delta) == (text, None), "as it was logged"
        assert result.evidence[0] == ("value", text or "missing")
    assert number(text) is None
    bare, _ = judge(asked[2], {"m": text}, None, "propose")
    assert bare.verdict == "failed", "that nothing serves does not help it"


def test_what_was_not_logged_fails_by_name() -> None:
    result, row = answer(gate(at_least=0), None)
    assert (result.verdict, row.candidate) == ("failed", None)
    assert result.reason == "m was not logged by the training run"
    assert result.evidence == (("value", "missing"),)


@pytest.mark.parametrize("text", [*GARBAGE, None])
def test_a_champion_without_that_number_is_inconclusive(text: str | None) -> None:
    assert beside("0.99", text) == "inconclusive"
    assert beside("0.99", text, slack={"absolute": 1000}) == "inconclusive"
    assert beside("NaN", text) == "failed", "the candidate's own lack comes first"


def test_against_what_serves_follows_which_way_is_better() -> None:
    assert beside("0.90", "0.90") == "passed"
    assert beside("0.91", "0.90") == "passed"
    assert beside("0.89", "0.90") == "failed"
    assert beside("0.90", "0.90", better="lower") == "passed"
    assert beside("0.89", "0.90", better="lower") == "passed"
    assert beside("0.91", "0.90", better="lower") == "failed"
    assert beside("0.895", "0.90", slack={"absolute": 0.005}) == "passed"
    assert beside("0.8949", "0.90", slack={"absolute": 0.005}) == "failed"
    assert beside("0.905", "0.90", better="lower", slack={"absolute": 0.005}) == "passed"
    assert beside("0.9051", "0.90", better="lower", slack={"absolute": 0.005}) == "failed"


def test_relative_slack_is_a_share_of_the_size_of_what_serves() -> None:
    tenth = {"relative": 0.1}
    assert beside("90", "100", slack=tenth) == "passed"
    assert beside("89.99", "100", slack=tenth) == "failed"
    assert beside("-110", "-100", slack=tenth) == "passed", "a negative base still gives slack"
    assert beside("-110.01", "-100", slack=tenth) == "failed"
    assert beside("-90", "-100", better="lower", slack=tenth) == "passed"
    assert beside("-89.99", "-100", better="lower", slack=tenth) == "failed"
    assert beside("0", "0", slack=tenth) == "passed"
    assert beside("-1e-12", "0", slack=tenth) == "failed", "of nothing there is no share"
    assert beside("1e-12", "0", better="lower", slack=tenth) == "failed"


def test_no_champion_follows_first() -> None:
    asked = gate(at_least=0.5, against="serving")
    for first, verdict in (("propose", "passed"), ("inconclusive", "inconclusive")):
        result, row = judge(asked, {"m": "0.6"}, None, first)  # type: ignore[arg-type]
        assert (result.verdict, row.champion, row.delta) == (verdict, None, None)
        assert result.evidence[1] == ("serving", "none yet")
        below, _ = judge(asked, {"m": "0.4"}, None, first)  # type: ignore[arg-type]
        assert below.verdict == "failed", "its own bound holds without a champion"


def test_the_row_tells_the_difference_as_it_was_counted() -> None:
    result, row = answer(gate(at_least=0.9, against="serving"), "0.951", {"m": "0.934"})
    assert (row.candidate, row.champion, row.delta) == ("0.951", "0.934", "+0.017")
    assert result.evidence == (("value", "0.951"), ("serving", "0.934"))
    assert row.bound == result.gate == "m >= 0.9 and not worse than serving"
    worse = answer(gate(against="serving", worse_by_at_most={"relative": 0.1}), "8", {"m": "10"})
    assert worse[1].delta == "-2"
    assert worse[0].reason == "m is 8, wanted at most 1 worse than the serving version's 10"


COUNTED: Counter[str] = Counter()
FINITE = st.decimals(
    min_value=Decimal("-1e9"), max_value=Decimal("1e9"), allow_nan=False, allow_infinity=False
)
LOGGED = st.one_of(FINITE.map(str), st.sampled_from(GARBAGE), st.none(), st.text(max_size=6))


@settings(max_examples=1500, deadline=None)
@given(
    logged=LOGGED,
    base=LOGGED,
    low=st.none() | FINITE,
    high=st.none() | FINITE,
    slack=st.none() | st.decimals(min_value=0, max_value=100, places=3),
    relative=st.booleans(),
    higher=st.booleans(),
    against=st.booleans(),
)
def meets(
    logged: str | None,
    base: str | None,
    low: Decimal | None,
    high: Decimal | None,
    slack: Decimal | None,
    relative: bool,  # noqa: FBT001 - drawn by hypothesis
    higher: bool,  # noqa: FBT001
    against: bool,  # noqa: FBT001
) -> None:
    """What meets every bound passes, and nothing else does."""
    slack = slack if against else None
    asked = gate(
        better="higher" if higher else "lower",
        at_least=low if low is not None or high is not None or against else Decimal(0),
        at_most=high,
        against="serving" if against else None,
        worse_by_at_most=None if slack is None else {"relative" if relative else "absolute": slack},
    )
    champion = None if base is None else {"m": base}
    verdict = answer(asked, logged, champion)[0].verdict
    value, rival = plain(logged), plain(base)
    fine = value is not None
    fine = fine and (asked.at_least is None or value >= asked.at_least)  # type: ignore[operator]
    fine = fine and (asked.at_most is None or value <= asked.at_most)  # type: ignore[operator]
    if fine and against and base is not None:
        worse = None if rival is None else (rival - value) * (1 if higher else -1)  # type: ignore[operator]
        granted = (slack or 0) * (abs(rival) if relative and rival is not None else 1)
        fine = worse is not None and worse <= granted
    assert (verdict == "passed") == fine, (asked.title, logged, base, verdict)
    COUNTED["passed" if fine else "not passed"] += 1


def plain(text: str | None) -> Decimal | None:
    """Return a text as a decimal the simplest way there is: through float's own judgement."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    finite = value == value and abs(value) < 1e308  # noqa: PLR0124 - NaN is not itself
    return Decimal(text or "") if finite else None


def test_what_meets_every_bound_passes_and_nothing_else_does() -> None:
    COUNTED.clear()
    meets()
    print(dict(COUNTED))
    assert COUNTED["passed"] > 100
    assert COUNTED["not passed"] > 100


def result(verdict: Verdict, reason: str = "") -> GateResult:
    return GateResult(f"a gate that {verdict}", "metric", verdict, reason)


def test_one_failure_fails_all_and_one_doubt_is_a_doubt() -> None:
    passed, failed, unsure = result("passed"), result("failed"), result("inconclusive")
    assert verdict_of([passed, passed]) == "passed"
    assert verdict_of([passed, unsure]) == "inconclusive"
    assert verdict_of([unsure, failed, passed]) == "failed"
    assert verdict_of([]) == "passed", "a policy has at least one gate, and so has every verdict"


def test_shortfalls_are_the_sentences_of_what_did_not_pass() -> None:
    said = [result("passed"), result("failed", "m is 1, wanted 2"), result("inconclusive")]
    assert shortfalls(said) == (
        "m is 1, wanted 2",
        "a gate that inconclusive: inconclusive",
    )
    assert shortfalls([result("passed", "nothing serves yet")]) == ()


def test_an_awaited_gate_says_what_its_sender_said() -> None:
    scan = EventGate.model_validate({"event": "scan.completed", "within": "90m"})
    passed = heard(scan, "/scanners/a", "passed", "")
    assert (passed.gate, passed.kind) == ("scan.completed says passed", "event")
    assert passed.verdict == "passed"
    assert passed.evidence == (("sender", "/scanners/a"),)
    assert passed.reason == ""
    assert heard(scan, "/s", "failed", "3 findings").reason == "3 findings"
    assert heard(scan, "/s", "failed", "").reason == "/s said failed without a reason"
    assert heard(scan, "/s", "inconclusive", "").verdict == "inconclusive"


def test_silence_is_no_yes_and_names_the_window() -> None:
    scan = EventGate.model_validate({"event": "scan.completed", "within": "90m"})
    quiet = silent(scan)
    assert quiet.verdict == "inconclusive"
    assert quiet.gate == scan.title
    assert quiet.reason == "no scan.completed arrived within 90 minutes"
