"""What a simulation is made of: its seed, its faults, its settings and policies.

Place in the flow: tests make a `Plan`, `program.simulated` runs it.
"""

from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from processor.settings.load import Loaded, load
from tests.simulation.wire import CLEAN, Faults

QUIET = {"registry": 30.0, "forge local": 60.0}
_SETTINGS = """\
mode: {mode}
registry: {{id: main, url: "http://registry.invalid", quiet: {registry:g}s}}
poll: {{changes: 2s, models: 5s, reconcile: 60s, proposals: 5s, rollouts: 5s}}
ledger: {{path: sluice.db}}
forges: {{local: {{local: {{path: forge, quiet: {forge:g}s}}}}}}
clusters:
  production: {{local: {{url: "http://production.invalid"}}}}
  staging: {{local: {{url: "http://staging.invalid"}}}}
web: {{listen: "127.0.0.1:0", events_token_file: token, sign_in_file: sign-in.json}}
people: {{ana: {{mlflow: ana-ml, git: Ana A}}, ben: {{git: Ben B}}, cem: {{}}}}
policies: ["policies/*.yaml"]
"""
_GATES = """\
  - {metric: accuracy, better: higher, at_least: 0.9}
  - {metric: loss, better: lower, against: serving, worse_by_at_most: {absolute: 0.05}}
"""
_TARGET = """\
  - name: NAME
    slot: {forge: local, repository: acme/gitops}
    edits:
      - file: "apps/NAME/{model}.yaml"
        set: {spec.predictor.model.storageUri: "{uri}", metadata.labels.model-version: "{version}"}
    cluster: NAME
    rollout: {deadline: 5m, stable: 5s}
"""
_PEOPLE = "    approval: {people: [ana, ben, cem], merge: MERGE}\n"
_MARKS = """\
    registry: {on_gates: ["stage:Staging", "alias:challenger"], on_merge: ["stage:Production"],
               on_serving: ["alias:champion"]}
"""


def _policy(models: str, gates: str, *targets: str) -> str:
    return f'models: "{models}"\ngates:\n{gates}targets:\n' + "".join(targets)


def _target(name: str, approval: str = "", marks: str = _MARKS) -> str:
    return _TARGET.replace("NAME", name) + approval + marks


POLICIES = {
    "fraud": _policy("fraud*", _GATES, _target("production", _PEOPLE.replace("MERGE", "sluice"))),
    "churn": _policy("churn*", _GATES, _target("production", _PEOPLE.replace("MERGE", "person"))),
    "auto": _policy("auto*", _GATES, _target("production")),
    "scan": _policy(
        "scan*",
        _GATES + "  - {event: scan.completed, within: 10m}\n",
        _target("production", _PEOPLE.replace("MERGE", "sluice")),
    ),
    "chain": _policy(
        "chain*",
        _GATES,
        _target("staging", marks='    registry: {on_serving: ["stage:Staging"]}\n'),
        _target(
            "production",
            "    after: {target: staging, soak: 30s}\n" + _PEOPLE.replace("MERGE", "sluice"),
        ),
    ),
    "slow": _policy(
        "slow*",
        _GATES + "  - {command: [check], timeout: 5m}\n",
        _target("production", _PEOPLE.replace("MERGE", "sluice")),
    ),
}
"""Policies by the beginning of the model names they rule."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """`mean_points` is how many points a life passes on average before it crashes; 0: never.

    A point is a commit that changes something (before, after), or a request (before it leaves,
    under way, answered). `quiet` is what the settings say, `settled_within` within how many
    seconds a late request really lands. `answers_first` is a control: an inbox that says yes
    before it has stored anything.
    """

    seed: int
    faults: Faults = CLEAN
    mean_points: int = 0
    models: tuple[str, ...] = ("fraud-1",)
    policies: dict[str, str] = field(default_factory=lambda: POLICIES)
    mode: str = "full"
    answers_first: bool = False
    targets: tuple[str, ...] = ("production", "staging")
    quiet: dict[str, float] = field(default_factory=lambda: QUIET)
    settled_within: dict[str, float] = field(default_factory=lambda: QUIET)
    settings: str = _SETTINGS

    def rng(self, use: str) -> Random:
        """Return the dice of one use; every use has its own, so that one moves no other."""
        return Random(f"{self.seed}:{use}")

    def write(self, folder: Path, mode: str | None = None) -> Loaded:
        """Write the settings and policies into a folder and load them."""
        text = self.settings.format(
            mode=mode or self.mode,
            registry=self.quiet["registry"],
            forge=self.quiet["forge local"],
        )
        (folder / "policies").mkdir(exist_ok=True)
        (folder / "sluice.yaml").write_text(text)
        (folder / "token").write_text("token\n")
        for name, policy in self.policies.items():
            (folder / f"policies/{name}.yaml").write_text(policy)
        return load(folder / "sluice.yaml")
