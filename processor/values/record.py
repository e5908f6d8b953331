"""What the ledger knows of one version: its stage, its last verdict, who wrote its marks.

Place in the flow: `rules/history/records` folds it; evaluate, `rules/marks`, `why` read it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from processor.values.evaluation import Comparison, GateResult, Training, Verdict
from processor.values.principal import Principal
from processor.values.version import Version


@dataclass(frozen=True)
class Judgement:
    """The newest evaluation of a version; `verdict` is None while gates are still out.

    `pending` are the ids of those gates, `running` of them the ones whose program was started.
    """

    event_id: str
    at: datetime
    policy_digest: str
    verdict: Verdict | None
    results: tuple[GateResult, ...]
    pending: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    due: datetime | None = None
    comparison: Comparison | None = None
    training: Training | None = None


@dataclass(frozen=True)
class Waiver:
    """A gate that somebody lets pass until a moment, and why."""

    gate: str
    by: Principal
    reason: str
    until: datetime
    event_id: str


@dataclass(frozen=True)
class Authors:
    """Whose marks are whose, by mark (`stage`, `alias:champion`).

    `marks` are the values we wrote last, `foreign` those of them that a stranger replaced,
    `landed` the writes of ours that were last seen to land.
    """

    marks: Mapping[str, str] = field(default_factory=dict)
    foreign: Mapping[str, str] = field(default_factory=dict)
    landed: Mapping[str, str] = field(default_factory=dict)


ASKING_TAG = "sluice.evaluate"
"""The version tag by which anybody who may write tags asks for an evaluation."""


@dataclass(frozen=True)
class VersionRecord:
    """One version; `asks` is the value of `ASKING_TAG` while it stands there."""

    version: Version
    run_id: str
    stage: str
    source: str
    seen_at: datetime
    baseline: bool = False
    deleted: bool = False
    judgement: Judgement | None = None
    authors: Authors = Authors()
    waivers: tuple[Waiver, ...] = ()
    asks: str | None = None


@dataclass(frozen=True)
class ModelRecord:
    """One model's aliases."""

    key: str
    aliases: Mapping[str, str] = field(default_factory=dict)
    authors: Authors = Authors()
