"""One policy file, and the choice of the one that rules a model.

Place in the flow: `Policies` is handed to handlers and sources; the most specific pattern wins.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Literal

from pydantic import Field, model_validator

from processor.errors import Terminal
from processor.policy.gates import (
    CommandGate,
    EventGate,
    Gate,
    MetricGate,
    SlowGate,
    digest_of,
)
from processor.policy.model import Written
from processor.policy.targets import Target


class Policy(Written):
    """What one team asks of its models before and after they serve."""

    models: str
    """Pattern of model names, `fraud-*`; the most specific match wins, a tie is an error."""
    workspace: str = "default"
    """MLflow workspace the models live in."""
    owner: str = ""
    """Who is told first when something fails."""
    first: Literal["propose", "inconclusive"] = "propose"
    """What a comparison says while nothing serves yet."""
    gates: tuple[Gate, ...] = Field(min_length=1)
    """All must pass."""
    targets: tuple[Target, ...] = Field(min_length=1)
    """Where versions go."""

    @model_validator(mode="after")
    def _consistent(self) -> "Policy":
        names = [target.name for target in self.targets]
        if len(set(names)) < len(names):
            raise ValueError(f"two targets share a name: {sorted(names)}")
        if sum(target.default for target in self.targets) > 1:
            raise ValueError("only one target can be the default")
        ids = [gate.id for gate in self.slow]
        if twice := sorted({one for one in ids if ids.count(one) > 1}):
            raise ValueError(
                f"two gates are both {twice[0]!r}: drop one, or give a command gate a name"
            )
        for place, target in enumerate(self.targets):
            if target.after and target.after.target not in names[:place]:
                earlier = ", ".join(names[:place]) or "none: it is the first"
                raise ValueError(
                    f"{target.name} comes after {target.after.target!r}, which is not a target "
                    f"before it ({earlier})"
                )
        return self

    @cached_property
    def digest(self) -> str:
        """Return the sha256 of the whole policy: kept with every verdict."""
        return digest_of(self)

    @property
    def default_target(self) -> Target:
        """Return the target marked default, else the last."""
        return next((target for target in self.targets if target.default), self.targets[-1])

    @property
    def first_target(self) -> Target:
        """Return the target a passing version is promoted to first."""
        return self.targets[0]

    def target(self, name: str) -> Target | None:
        """Return the target of that name, if the policy has it."""
        return next((target for target in self.targets if target.name == name), None)

    @property
    def metrics(self) -> tuple[MetricGate, ...]:
        """Return the gates answered from the training run at once."""
        return tuple(gate for gate in self.gates if isinstance(gate, MetricGate))

    @property
    def awaited(self) -> tuple[EventGate, ...]:
        """Return the gates another system answers by an event."""
        return tuple(gate for gate in self.gates if isinstance(gate, EventGate))

    @property
    def commands(self) -> tuple[CommandGate, ...]:
        """Return the gates a program of the team's answers."""
        return tuple(gate for gate in self.gates if isinstance(gate, CommandGate))

    @property
    def slow(self) -> tuple[SlowGate, ...]:
        """Return the gates that are asked and answer in their own time, in the order written."""
        return tuple(gate for gate in self.gates if not isinstance(gate, MetricGate))


def specificity(pattern: str) -> tuple[int, int]:
    """Return how specific a pattern is: literal characters, then fewer wildcards."""
    wild = sum(pattern.count(mark) for mark in "*?[")
    return (len(pattern) - wild, -wild)


class PolicyTie(Terminal, ValueError):
    """Two policies rule one model and neither pattern is the more specific."""

    def __init__(self, workspace: str, model: str, first: str, second: str) -> None:
        """Name the model and both patterns."""
        where = "" if workspace == "default" else f" in workspace {workspace!r}"
        super().__init__(
            f"model {model!r}{where} is ruled by both {first!r} and {second!r}: "
            "make one of them more specific"
        )
        self.workspace, self.model = workspace, model
        self.patterns = (first, second)


@dataclass(frozen=True)
class Policies:
    """Every policy in force; `folders` says where each one's file lies, by workspace and models."""

    all: tuple[Policy, ...]
    folders: Mapping[tuple[str, str], str] = field(default_factory=dict, compare=False)

    def folder_of(self, policy: Policy) -> str:
        """Return the folder relative names in a policy begin at; `.` for one without a file."""
        return self.folders.get((policy.workspace, policy.models), ".")

    def ruling(self, workspace: str, model: str) -> Policy | None:
        """Return the policy of a model, or None. Raises PolicyTie naming both of two."""
        matches = [
            policy
            for policy in self.all
            if policy.workspace == workspace and fnmatchcase(model, policy.models)
        ]
        matches.sort(key=lambda policy: specificity(policy.models), reverse=True)
        if len(matches) > 1 and specificity(matches[0].models) == specificity(matches[1].models):
            raise PolicyTie(workspace, model, matches[0].models, matches[1].models)
        return matches[0] if matches else None

    @property
    def awaited_types(self) -> frozenset[str]:
        """Return the foreign event types the gates wait for."""
        return frozenset(gate.event for policy in self.all for gate in policy.awaited)
