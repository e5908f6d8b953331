"""What the gates found.

Place in the flow: said by `evaluate` and `sources/gates`; a passing verdict leads to
`promotion.requested`.
"""

from typing import ClassVar

from processor.events.event import Event, Moment
from processor.values.evaluation import Comparison, GateResult, Training, Verdict
from processor.values.version import Version


class _OfVersion(Event):
    topic: ClassVar[str] = "evaluation"
    version: Version
    """The version that is judged."""


class EvaluationRequested(_OfVersion):
    """Somebody asked for a version to be judged (again)."""

    kind: ClassVar[str] = "evaluation.requested"
    reason: str = ""
    """Why, in their words."""


class EvaluationStarted(_OfVersion):
    """Some gates are answered by others; what is known so far, and until when we wait."""

    kind: ClassVar[str] = "evaluation.started"
    policy_digest: str
    """sha256 of the policy in force."""
    results: tuple[GateResult, ...]
    """Gates already answered."""
    pending: tuple[str, ...]
    """Ids of the gates still waited for: an event's type, or `command:` and a gate's name."""
    due: Moment
    """When the wait ends."""


class GateStarted(_OfVersion):
    """The program of one gate was handed to the runner; it may still wait for its turn."""

    kind: ClassVar[str] = "gate.started"
    evaluation_id: str
    """The `evaluation.started` that asks for it."""
    gate: str
    """The gate's id, as `pending` names it."""
    job: str
    """The runner's id of it."""


class GateFinished(_OfVersion):
    """One awaited gate has an answer."""

    kind: ClassVar[str] = "gate.finished"
    evaluation_id: str
    """The `evaluation.started` it answers."""
    event: str
    """The gate's id, as `pending` names it: an event's type, or `command:` and the gate's name."""
    result: GateResult
    """The answer."""


class WaiverGiven(_OfVersion):
    """Somebody lets one gate of one version pass, until a moment."""

    kind: ClassVar[str] = "waiver.given"
    gate: str
    """The gate as results name it."""
    reason: str
    """Why, in their words."""
    until: Moment
    """When it ends."""


class _Verdict(_OfVersion):
    policy_digest: str
    """sha256 of the policy in force."""
    results: tuple[GateResult, ...]
    """Every gate, with its evidence."""
    comparison: Comparison
    """The candidate beside the version observed serving."""
    training: Training
    """Where the version came from."""
    verdict: ClassVar[Verdict]


class EvaluationPassed(_Verdict):
    """Every gate passed."""

    kind: ClassVar[str] = "evaluation.passed"
    verdict: ClassVar[Verdict] = "passed"


class EvaluationFailed(_Verdict):
    """At least one gate failed."""

    kind: ClassVar[str] = "evaluation.failed"
    verdict: ClassVar[Verdict] = "failed"


class EvaluationInconclusive(_Verdict):
    """No gate failed, but not every gate could say; a person decides."""

    kind: ClassVar[str] = "evaluation.inconclusive"
    verdict: ClassVar[Verdict] = "inconclusive"


Judged = EvaluationPassed | EvaluationFailed | EvaluationInconclusive
