"""`config explain` says what rules a model, why, and which line each value comes from."""

import re
from pathlib import Path

import pytest

from processor.settings.explain import Explanation, explain, explain_settings
from processor.settings.load import ConfigError, load
from tests.settings.test_load import POLICY, SLUICE

EXAMPLE = Path(__file__).parents[2] / "processor/demo/example/sluice.yaml"


def facts(found: Explanation) -> dict[str, tuple[str, str]]:
    return {
        f"{part.title}/{one.what}": (one.says, one.source)
        for part in found.parts
        for one in part.facts
    }


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies").mkdir()
    (tmp_path / "sluice.yaml").write_text(SLUICE)
    (tmp_path / "policies/fraud.yaml").write_text(POLICY)
    return tmp_path


def test_the_demos_policy_is_explained_for_a_model_nobody_has_seen() -> None:
    loaded = load(EXAMPLE)
    (found,) = explain(loaded, "tumour-screening-Übersee")
    assert found.why == '"tumour-screening-*" is the only pattern that matches'
    assert found.policy.source.endswith("policies/screening.yaml:2")
    assert found.mode.says.startswith("full: ")
    assert found.mode.source.endswith("example/sluice.yaml:3")
    said = facts(found)
    target = "target production (the default)"
    slot, source = said[f"{target}/slot"]
    assert re.search(r"apps/production/tumour-screening-bersee-[0-9a-f]{8}\.yaml", slot)
    assert "here:gitops@main" in slot
    assert source.endswith("screening.yaml:11")
    assert said[f"{target}/rollout.deadline"][0].startswith("3m. From merge to serving")
    assert said[f"{target}/approval.expires"] == (
        "14d. How long a proposal may stay open.",
        "default",
    )
    assert said[f"{target}/approval"][0].startswith("1 of ana, ben must say yes, never the req")
    assert said[f"{target}/registry.on_serving"][0].startswith("alias:champion. When")
    assert said["gate 1: accuracy >= 0.8 and at most 0.01 worse than serving/at_least"][0] == (
        "0.8. Inclusive lower bound."
    )
    assert said["told/log"][1] == "default"


def test_every_source_is_a_line_that_holds_the_value() -> None:
    loaded = load(EXAMPLE)
    checked = 0
    for part in (*explain(loaded, "tumour-screening-x")[0].parts, explain_settings(loaded)):
        for one in part.facts:
            if one.source == "default":
                continue
            file, _, line = one.source.rpartition(":")
            text = Path(file).read_text().splitlines()[int(line) - 1]
            last = re.split(r"[.\[]", one.what.rstrip("]"))[-1]
            named = last in text or one.what in {"slot", "edit", "asked for", "approval"}
            assert named or last.isdigit(), (one, text)
            checked += 1
    print(f"{checked} values named their line")
    assert checked > 30


def test_the_most_specific_pattern_wins_and_the_others_are_named(here: Path) -> None:
    other = POLICY.replace('"fraud-*"', '"*"').replace("apps/", "others/")
    (here / "policies/all.yaml").write_text(f"# for everybody\n{other}")
    (found,) = explain(load(here / "sluice.yaml"), "fraud-eu")
    assert found.policy.source == "policies/fraud.yaml:1"
    assert [one.source for one in found.others] == ["policies/all.yaml:2"]
    assert found.why == (
        '"fraud-*" (6 letters, 1 wildcard) is the most specific of 2 that match, '
        'before "*" (0 letters, 1 wildcard)'
    )
    (found,) = explain(load(here / "sluice.yaml"), "churn")
    assert found.policy.source == "policies/all.yaml:2"


def test_a_tie_and_no_policy_name_file_and_line(here: Path) -> None:
    loaded = load(here / "sluice.yaml")
    with pytest.raises(ConfigError) as caught:
        explain(loaded, "churn")
    assert caught.value.lines == (
        (
            "sluice.yaml:13: policies: no policy rules the model 'churn'; a policy says which "
            "models may go where"
        ),
        'policies/fraud.yaml:1: models: "fraud-*" does not match',
    )
    tied = POLICY.replace('"fraud-*"', '"*-fraud"').replace("apps/", "others/")
    (here / "policies/tied.yaml").write_text(f"\n{tied}")
    with pytest.raises(ConfigError) as caught:
        explain(load(here / "sluice.yaml"), "fraud-fraud")
    assert caught.value.lines[0].startswith(
        "policies/fraud.yaml:1: models: \"fraud-*\" matches 'fraud-fraud' as specifically as "
        '"*-fraud" of policies/tied.yaml:2'
    )
    assert explain(load(here / "sluice.yaml"), "fraud-x")[0].policy.pattern == "fraud-*"


def test_the_mode_of_a_model_names_its_pattern_and_line(here: Path) -> None:
    (here / "sluice.yaml").write_text(f'mode:\n  "*": observe\n  "fraud-*": full\n{SLUICE}')
    (found,) = explain(load(here / "sluice.yaml"), "fraud-eu")
    assert found.mode.says.startswith('full by "fraud-*": Sluice also merges')
    assert found.mode.source == "sluice.yaml:3"
    (here / "sluice.yaml").write_text(f'mode: {{"churn-*": full}}\n{SLUICE}')
    (found,) = explain(load(here / "sluice.yaml"), "fraud-eu")
    assert found.mode.says.startswith("observe as no pattern matches: ")


def test_without_a_model_every_policy_is_explained_with_its_braces(here: Path) -> None:
    (found,) = explain(load(here / "sluice.yaml"))
    assert found.model is None
    assert "apps/{model}.yaml" in facts(found)["target production (the default)/slot"][0]
    told = {one.what: one for one in explain_settings(load(here / "sluice.yaml")).facts}
    assert told["poll.changes"].says.startswith("2s. ")
    assert told["poll.changes"].source == "default"
    assert told["forges.acme.local.path"].source == "sluice.yaml:7"
