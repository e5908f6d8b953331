"""Whatever is wrong with a configuration is named: file, line, field, nearest right name."""

from pathlib import Path

import pytest

from processor.settings.load import ConfigError, Loaded, listening_on, load
from processor.values.people import People

SLUICE = """\
registry:
  url: http://127.0.0.1:5000
  token_file: secrets/token
ledger:
  path: data/sluice.db
forges:
  acme: {local: {path: repos}}
clusters:
  prod: {local: {url: "http://127.0.0.1:7000"}}
people:
  ana: {mlflow: ana-ml}
  bo: {}
policies: [policies/*.yaml]
"""
POLICY = """\
models: "fraud-*"
gates:
  - {metric: accuracy, better: higher, at_least: 0.92}
targets:
  - name: production
    slot: {forge: acme, repository: acme/gitops}
    edits:
      - file: "apps/{model}.yaml"
        set: {spec.uri: "{uri}"}
    cluster: prod
    approval: {people: [ana, bo]}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies").mkdir()
    (tmp_path / "sluice.yaml").write_text(SLUICE)
    (tmp_path / "policies/fraud.yaml").write_text(POLICY)
    return tmp_path


def complaints(here: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(here / "sluice.yaml")
    return list(caught.value.lines)


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_a_good_configuration_is_loaded_with_absolute_paths(here: Path) -> None:
    loaded = load(here / "sluice.yaml")
    assert loaded.settings.ledger.path == here / "data/sluice.db"
    assert loaded.settings.registry.token_file == here / "secrets/token"
    assert loaded.settings.forges["acme"].local.path == here / "repos"
    assert loaded.policy_files == (here / "policies/fraud.yaml",)
    assert loaded.policies.ruling("default", "fraud-eu") is not None
    assert loaded.people == People(frozenset({"ana", "bo"}), {"ana-ml": "ana"}, {})


def test_the_digest_moves_with_a_policy_and_not_with_a_comment(here: Path) -> None:
    before = load(here / "sluice.yaml").digest
    (here / "policies/fraud.yaml").write_text(f"# why\n{POLICY}")
    assert load(here / "sluice.yaml").digest == before
    change(here / "policies/fraud.yaml", "0.92", "0.93")
    assert load(here / "sluice.yaml").digest != before


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "ledger:\n  path",
            "ledger:\n  pth",
            'sluice.yaml:5: ledger.pth: unknown key; did you mean "path"?',
        ),
        (
            "registry:\n",
            "mode: obsrve\nregistry:\n",
            (
                'sluice.yaml:1: mode: "obsrve" is not one of observe, propose, full; '
                'did you mean "observe"?'
            ),
        ),
        (
            "registry:\n",
            'mode: {"fraud-*": ful}\nregistry:\n',
            (
                'sluice.yaml:1: mode.fraud-*: "ful" is not one of observe, propose, full; '
                'did you mean "full"?'
            ),
        ),
        (
            "registry:\n",
            "mode: {}\nregistry:\n",
            (
                "sluice.yaml:1: mode: give one word for all models, or patterns: "
                '{"*": observe, "fraud-*": full}'
            ),
        ),
        (
            "registry:\n",
            'mode: {"fraud-*": full, "*-fraud": observe}\nregistry:\n',
            (
                'sluice.yaml:1: mode: both "fraud-*" and "*-fraud" name a model like '
                '"fraud-fraud", and neither is the more specific: make one of them longer'
            ),
        ),
        (
            "policies: [",
            "poll: {changes: 2 seconds}\npolicies: [",
            (
                "sluice.yaml:13: poll.changes: '2 seconds' is not a duration: "
                "write it like 90s, 10m, 24h or 7d"
            ),
        ),
        (
            "  url: http://127.0.0.1:5000\n",
            "",
            "sluice.yaml:1: registry.url: required key is missing",
        ),
        (
            "  ana: {mlflow: ana-ml}",
            "  ana: {mlfow: ana-ml}",
            'sluice.yaml:11: people.ana.mlfow: unknown key; did you mean "mlflow"?',
        ),
        (
            "policies: [policies/*.yaml]",
            "policies: [policies/*.yml]",
            'sluice.yaml:13: policies[0]: no file matches "policies/*.yml" in ',
        ),
        (
            "policies: [",
            "web: {listen: 0.0.0.0:8080}\npolicies: [",
            "sluice.yaml:13: web.listen: '0.0.0.0:8080' is reachable from other machines",
        ),
        ("  bo: {}", "  ana: {}", 'sluice.yaml:12: found duplicate key "ana"'),
        ("  bo: {}", "  bo: {", "sluice.yaml:14: not valid YAML: "),
        (
            "people:",
            "poeple:",
            'sluice.yaml:10: poeple: unknown key; did you mean "people"?',
        ),
    ],
)
def test_what_is_wrong_in_sluice_yaml_is_named(here: Path, old: str, new: str, said: str) -> None:
    change(here / "sluice.yaml", old, new)
    assert any(line.startswith(said) for line in complaints(here)), complaints(here)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("better: higher", "beter: higher", "3: gates[0].beter: unknown key; did you mean"),
        (
            "better: higher",
            "better: hgher",
            '3: gates[0].better: "hgher" is not one of higher, lower; did you mean "higher"?',
        ),
        (
            "forge: acme",
            "forge: acne",
            '6: targets[0].slot.forge: "acne" is not under forges; did you mean "acme"?',
        ),
        (
            "cluster: prod",
            "cluster: prd",
            '10: targets[0].cluster: "prd" is not under clusters; did you mean "prod"?',
        ),
        (
            "[ana, bo]",
            "[anna, bo]",
            '11: targets[0].approval.people[0]: "anna" is not under people; did you mean "ana"?',
        ),
        (
            "{people: [ana, bo]}",
            "{people: [ana, bo], cont: 1}",
            '11: targets[0].approval.cont: unknown key; did you mean "count"?',
        ),
        (
            "{people: [ana, bo]}",
            "autmatic",
            (
                '11: targets[0].approval: "autmatic" is not one of automatic; '
                'did you mean "automatic"?'
            ),
        ),
        ('"{uri}"', '"uri"', "5: targets[0]: no edit sets a path to {uri}"),
        (
            '"fraud-*"\n',
            '"fraud-*"\nworkspace: defualt\n',
            '2: workspace: "defualt" is not under workspaces; did you mean "default"?',
        ),
        (
            "apps/{model}.yaml",
            "apps/fraud.yaml",
            "",
        ),
    ],
)
def test_what_is_wrong_in_a_policy_is_named(here: Path, old: str, new: str, said: str) -> None:
    change(here / "policies/fraud.yaml", old, new)
    if not said:  # the object's name still holds {model}: every model has its own slot
        load(here / "sluice.yaml")
        return
    found = complaints(here)
    assert any(line.startswith(f"policies/fraud.yaml:{said}") for line in found), found


def test_every_problem_is_told_at_once_each_once(here: Path) -> None:
    change(here / "sluice.yaml", "ledger:\n  path", "ledger:\n  pth")
    change(here / "policies/fraud.yaml", "better: higher", "better: hgher")
    change(here / "policies/fraud.yaml", "models", "modles")
    found = complaints(here)
    assert [line.split(": ")[0] + ": " + line.split(": ")[1] for line in found] == [
        "sluice.yaml:5: ledger.pth",
        "policies/fraud.yaml:1: models",
        "policies/fraud.yaml:1: modles",
        "policies/fraud.yaml:3: gates[0].better",
    ]


def test_two_policies_with_one_pattern_are_a_tie_that_names_both(here: Path) -> None:
    (here / "policies/other.yaml").write_text(POLICY)
    assert complaints(here) == [
        (
            'policies/other.yaml:1: models: "fraud-*" is also ruled by policies/fraud.yaml:1; '
            "make one of them more specific"
        )
    ]


def test_a_pattern_needs_the_model_in_its_file_or_object(here: Path) -> None:
    change(
        here / "policies/fraud.yaml",
        'file: "apps/{model}.yaml"',
        "file: apps/fraud.yaml\n        object: {name: fraud}",
    )
    (line,) = complaints(here)
    assert line.startswith('policies/fraud.yaml:8: targets[0].edits[0]: every model that "fraud-*"')
    assert "put {model} in the edit's file or object name" in line


def test_two_policies_that_write_one_scalar_are_refused_by_name(here: Path) -> None:
    literal = POLICY.replace('"apps/{model}.yaml"', "apps/x.yaml\n        object: {name: x}")
    (here / "policies/fraud.yaml").write_text(literal.replace('"fraud-*"', "fraud"))
    (here / "policies/churn.yaml").write_text(literal.replace('"fraud-*"', "churn"))
    (line,) = complaints(here)
    assert 'target "production" of "fraud" and target "production" of "churn"' in line
    assert "policies/churn.yaml" in line


def test_no_file_and_a_file_that_is_no_mapping_are_one_line(here: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file; name it with --config"):
        load(here / "none.yaml")
    (here / "sluice.yaml").write_text("- a\n")
    assert complaints(here) == ["sluice.yaml:1: should be a mapping of keys to values, and is not"]
    (here / "sluice.yaml").write_bytes(b"\xff\xfe\x00")
    assert complaints(here) == ["sluice.yaml: is not UTF-8 text"]


def test_listening_elsewhere_is_refused_without_auth(here: Path) -> None:
    loaded: Loaded = load(here / "sluice.yaml")
    with pytest.raises(ConfigError, match=r"--listen: '0.0.0.0:8080' is reachable"):
        listening_on(loaded, "0.0.0.0")
    with pytest.raises(ConfigError, match="not host:port"):
        listening_on(loaded, "127.0.0.1:http")
    assert listening_on(loaded, "localhost:0").settings.web.port == 0
