"""What gates found, and how two versions compare.

Place in the flow: `rules/gates` make these, `evaluation.*` events carry them, pull requests,
pages and `why` print them.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from processor.values.principal import Principal
from processor.values.registry import Dataset
from processor.values.version import Version

Verdict = Literal["passed", "failed", "inconclusive"]


@dataclass(frozen=True)
class GateResult:
    """One gate's answer; `reason` is a sentence, empty when it simply passed.

    `waiver` says who lets it pass, until when and why: it then counts as passed, whatever it found.
    """

    gate: str
    kind: str
    verdict: Verdict
    reason: str = ""
    evidence: tuple[tuple[str, str], ...] = ()
    waiver: str = ""

    @property
    def counts(self) -> Verdict:
        """Return what it weighs in the verdict of the evaluation."""
        return "passed" if self.waiver else self.verdict

    @property
    def sentence(self) -> str:
        """Return the reason and the waiver as one text for people."""
        return "; ".join(part for part in (self.reason, self.waiver) if part)


@dataclass(frozen=True)
class MetricRow:
    """One metric of two versions, as logged; `None` where it was not logged."""

    metric: str
    candidate: str | None
    champion: str | None
    delta: str | None
    better: Literal["higher", "lower"]
    bound: str
    verdict: Verdict


@dataclass(frozen=True)
class Comparison:
    """A candidate beside the version observed serving when it was judged."""

    champion: Version | None
    rows: tuple[MetricRow, ...]


@dataclass(frozen=True)
class Training:
    """Where a version came from: what `why` answers about accuracy, time and data."""

    run_id: str
    trained_at: datetime | None
    trainer: Principal
    metrics: tuple[tuple[str, str], ...]
    datasets: tuple[Dataset, ...]
