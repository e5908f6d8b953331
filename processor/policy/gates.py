"""Gates as a team writes them.

Place in the flow: `rules/gates/<kind>` judges each; `evaluate` asks them all.
"""

import hashlib
import json
import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, field_validator, model_validator

from processor.policy.model import Written

QUEUE = timedelta(hours=1)
"""How long a command gate may wait for its turn, beyond the time it may run."""

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def _span(value: object) -> object:
    """Read `90s`, `10m`, `24h`, `7d`; numbers are seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return timedelta(seconds=value)
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", value)):
        return timedelta(seconds=float(match[1]) * _UNITS[match[2]])
    if isinstance(value, timedelta):
        return value
    raise ValueError(f"{value!r} is not a duration: write it like 90s, 10m, 24h or 7d")


def _exact(value: object) -> object:
    """Keep a bound as the decimal a person wrote: 0.1 stays 0.1."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(str(value))
    return value


Duration = Annotated[timedelta, BeforeValidator(_span)]
Bound = Annotated[Decimal, BeforeValidator(_exact)]


class Slack(Written):
    """How much worse than the serving version is still good enough."""

    absolute: Bound | None = None
    """In the metric's own unit."""
    relative: Bound | None = None
    """As a share of the serving version's value, 0.05 is five percent."""

    @model_validator(mode="after")
    def _one(self) -> "Slack":
        if (self.absolute is None) == (self.relative is None):
            raise ValueError("give exactly one of absolute, relative")
        return self


class MetricGate(Written):
    """A bound on a metric of the training run, or a comparison with the version that serves."""

    metric: str
    """Name as logged; its last value counts. Missing or not finite fails."""
    better: Literal["higher", "lower"]
    """Which way is better."""
    at_least: Bound | None = None
    """Inclusive lower bound."""
    at_most: Bound | None = None
    """Inclusive upper bound."""
    against: Literal["serving"] | None = None
    """Compare with the version observed serving at the default target."""
    worse_by_at_most: Slack | None = None
    """With `against`: the slack granted; without it the candidate may not be worse at all."""

    @model_validator(mode="after")
    def _asks_something(self) -> "MetricGate":
        if self.at_least is None and self.at_most is None and self.against is None:
            raise ValueError("give at_least, at_most or against")
        if self.worse_by_at_most is not None and self.against is None:
            raise ValueError("worse_by_at_most needs against: serving")
        return self

    @property
    def title(self) -> str:
        """Return the gate in words a reviewer reads."""
        words = []
        if self.at_least is not None:
            words.append(f">= {self.at_least}")
        if self.at_most is not None:
            words.append(f"<= {self.at_most}")
        if self.against:
            slack = self.worse_by_at_most
            words.append(
                "not worse than serving"
                if slack is None
                else f"at most {slack.absolute} worse than serving"
                if slack.absolute is not None
                else f"at most {slack.relative} (relative) worse than serving"
            )
        return f"{self.metric} {' and '.join(words)}"


class EventGate(Written):
    """Another system says `passed` or `failed` in an event about this version."""

    event: str = Field(pattern=r"^[a-z][a-z0-9_.-]*$", max_length=250)
    """Type of the event, as its sender writes it; this makes the type acceptable from outside."""
    within: Duration = timedelta(hours=1)
    """How long to wait before the gate is inconclusive."""

    @field_validator("event")
    @classmethod
    def _not_ours(cls, value: str) -> str:
        if value.startswith("sluice."):
            raise ValueError(f"{value!r}: types beginning with sluice. are Sluice's own to say")
        return value

    @property
    def id(self) -> str:
        """Return what an evaluation calls it."""
        return self.event

    @property
    def wait(self) -> timedelta:
        """Return how long its answer is waited for."""
        return self.within

    @property
    def title(self) -> str:
        """Return the gate in words a reviewer reads."""
        return f"{self.event} says passed"


class CommandGate(Written):
    """A program of the team's reads the evidence and answers; docs/gates.md shows one."""

    command: tuple[Annotated[str, Field(pattern=r"^[^\x00]*$")], ...] = Field(min_length=1)
    """The program and its arguments; relative names are beside this policy file."""
    timeout: Duration = timedelta(minutes=5)
    """How long it may run. Gates queue, so its answer is waited for an hour longer."""
    name: str = Field(default="", pattern=r"^[^\x00-\x1f]*$", max_length=100)
    """What reviewers call it; empty: the command itself."""

    @model_validator(mode="after")
    def _runs(self) -> "CommandGate":
        if not self.command[0]:
            raise ValueError("the first word is the program; it is empty")
        if self.timeout <= timedelta():
            raise ValueError("timeout: it needs some time to run")
        return self

    @property
    def id(self) -> str:
        """Return what an evaluation calls it; no event type contains a colon."""
        return f"command:{self.name or ' '.join(self.command)}"

    @property
    def wait(self) -> timedelta:
        """Return how long its answer is waited for."""
        return self.timeout + QUEUE

    @property
    def title(self) -> str:
        """Return the gate in words a reviewer reads."""
        return f"{self.name or ' '.join(self.command)} says passed"


SlowGate = EventGate | CommandGate
"""A gate that is asked, and answers in its own time."""

_KINDS: dict[str, type[Written]] = {"event": EventGate, "command": CommandGate}


def _gate_kind(value: Any) -> str:  # noqa: ANN401 - raw YAML or an instance
    """Tell gates apart by the key a team writes first."""
    if isinstance(value, dict):
        return next((kind for kind in _KINDS if kind in value), "metric")
    return next((kind for kind, written in _KINDS.items() if isinstance(value, written)), "metric")


Gate = Annotated[
    Annotated[MetricGate, Tag("metric")]
    | Annotated[EventGate, Tag("event")]
    | Annotated[CommandGate, Tag("command")],
    Discriminator(_gate_kind),
]


def digest_of(written: Written) -> str:
    """Return the sha256 of a policy part as canonical JSON: what was in force, provably."""
    text = json.dumps(written.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
