"""A pipeline says it has finished.

Place in the flow: the only event outsiders may say; `register` reacts.
"""

from typing import ClassVar, Literal

from pydantic import Field

from processor.events.event import Event


class TrainingCompleted(Event):
    """A training run ended. `please`: register it for me; `done`: I registered it myself."""

    kind: ClassVar[str] = "training.completed"
    topic: ClassVar[str] = "training"
    run_id: str = Field(min_length=1, max_length=250)
    """MLflow run id."""
    model: str = Field(min_length=1, max_length=250)
    """Registered model name, as MLflow has it."""
    registration: Literal["please", "done"]
    """Who creates the version."""
    workspace: str = "default"
    """MLflow workspace."""
    artifact_path: str = "model"
    """Where in the run the model was logged."""


class ForeignReported(Event):
    """Another system's event that a gate waits for; its type is the sender's own."""

    kind: ClassVar[str] = "foreign.reported"
    topic: ClassVar[str] = "training"
    type: str
    """The sender's type, `scan.completed`."""
    model: str = Field(min_length=1, max_length=250)
    """Registered model name."""
    version: str = Field(min_length=1, max_length=20)
    """Version number."""
    verdict: Literal["passed", "failed", "inconclusive"]
    """What the sender found."""
    workspace: str = "default"
    """MLflow workspace."""
    reason: str = Field(default="", max_length=2000)
    """Why, in a sentence."""
