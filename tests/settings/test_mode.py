"""The mode of a model: one word for all, or the most specific pattern's."""

import pytest

from processor.policy.mode import Mode, Modes, allows, named_by_both
from processor.settings.tree import Settings

REGISTRY = {"url": "http://127.0.0.1:5000"}


def test_one_word_is_every_model_s() -> None:
    modes = Settings.model_validate({"registry": REGISTRY, "mode": "propose"}).modes
    assert modes.of("main/default/fraud") == modes.of("main") == modes.of("") == "propose"
    assert str(modes) == "propose"
    nothing_said = Settings.model_validate({"registry": REGISTRY}).modes
    assert (nothing_said.of("main/default/fraud"), str(nothing_said)) == ("observe", "observe")


@pytest.mark.parametrize(
    ("model", "mode"),
    [
        ("churn", "observe"),
        ("fraud-eu", "propose"),
        ("fraud-eu-v2", "full"),
        ("a%2Fb", "full"),
        ("Fraud-eu", "observe"),
    ],
)
def test_the_most_specific_pattern_wins_and_what_none_names_is_observed(
    model: str, mode: Mode
) -> None:
    written: dict[str, Mode] = {"fraud-*": "propose", "fraud-eu-*": "full", "a/?": "full"}
    settings = Settings.model_validate({"registry": REGISTRY, "mode": written})
    assert settings.modes.of(f"main/default/{model}") == mode
    assert settings.modes.of(f"main/another/{model}") == mode
    assert settings.modes.of("main") == "observe"
    said = "full for fraud-eu-*, propose for fraud-*, full for a/?, observe for the rest"
    assert str(settings.modes) == said


def test_a_star_rules_the_rest_and_what_is_about_no_model() -> None:
    modes = Modes.written({"fraud": "observe", "*": "full"})
    assert modes.of("main/default/fraud") == "observe"
    assert modes.of("main/default/churn") == modes.of("main") == modes.of("") == "full"


@pytest.mark.parametrize(
    ("one", "two", "shared"),
    [
        ("a*", "*b", "ab"),
        ("ab?", "a?c", "abc"),
        ("[a-f]x", "[d-z]x", "fx"),
        ("[!a]?", "b*", "bx"),
        ("[]]", "?", "]"),
        ("a[", "a?", "a["),
        ("abc", "abd", None),
        ("a*b", "a*c", None),
        ("[ab]x", "cx", None),
    ],
)
def test_two_patterns_can_name_one_model_or_not(one: str, two: str, shared: str | None) -> None:
    for first, second in ((one, two), (two, one)):
        found = named_by_both(first, second)
        assert (found is None) == (shared is None)
    assert named_by_both(one, two) == shared


@pytest.mark.parametrize("written", [{}, {"": "full"}, {"a*": "full", "*b": "observe"}])
def test_what_cannot_be_meant_is_refused(written: dict[str, Mode]) -> None:
    with pytest.raises(ValueError, match=r"patterns|both"):
        Modes.written(written)


def test_two_patterns_that_agree_may_share_models() -> None:
    assert Modes.written({"a*": "full", "*b": "full"}).of("main/default/ab") == "full"


def test_a_mode_allows_what_needs_less() -> None:
    order: list[Mode] = ["observe", "propose", "full"]
    for i, mode in enumerate(order):
        assert [allows(mode, needed) for needed in order] == [j <= i for j in range(3)]
