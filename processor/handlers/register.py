"""A pipeline finished training: see that its version exists.

Place in the flow: training.completed -> (the registry source says model_version.registered).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from processor.errors import NotYet, Terminal
from processor.events import Event, TrainingCompleted
from processor.ports.effects import RegistryEffects
from processor.ports.reading.registry import RegistryReader
from processor.ports.views import Views
from processor.values.record import VersionRecord

_LOOK_AGAIN = 2.0
_PATIENCE = 3600.0  # seconds a pipeline may take to register what it said it had


@dataclass(frozen=True, kw_only=True)
class Register:
    """`please`: create the version once per run and model. `done`: wait until it is seen."""

    registry: RegistryReader
    effects: RegistryEffects
    views: Views

    async def __call__(self, event: TrainingCompleted) -> Sequence[Event]:
        """Say nothing: what exists is said by the source that sees it."""
        if event.registration == "done":
            await self._wait_for(event)
            return []
        if await self.registry.run(event.workspace, event.run_id) is None:
            raise Terminal(
                f"run {event.run_id!r} is not in workspace {event.workspace!r} of the registry: "
                "the pipeline sent another server's run id, or the run was deleted for good"
            )
        await self.effects.register(
            event.workspace, event.model, event.run_id, event.artifact_path, event.head.id
        )
        return []

    async def _wait_for(self, event: TrainingCompleted) -> None:
        """Return once a version of the run has been seen."""
        records = await self.views.find(VersionRecord, model=event.head.key)
        if not any(record.run_id == event.run_id for record in records):
            raise NotYet(
                f"no version of run {event.run_id!r} has appeared in {event.model!r} yet",
                after=_LOOK_AGAIN,
                until=_PATIENCE,
            )
