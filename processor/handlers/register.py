"""A pipeline finished training: see that its version exists, once per run and model.

Place in the flow: training.completed -> (the registry source says model_version.registered).
A pipeline may say `please` and register the run all the same. What it registers while its run is
under way, as `log_model(registered_model_name=...)` does, is there when the run has ended: so we
wait for that end, look, and create only what nobody made.
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
_ENDS_AGAIN = 5.0  # seconds between looks at a run that has not ended: each is a request
_PATIENCE = 3600.0  # seconds a pipeline may take to do what it said it had done
_UNDER_WAY = frozenset({"RUNNING", "SCHEDULED"})


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
        await self._ended(event)
        if await self.registry.made_elsewhere(event.workspace, event.model, event.run_id) is None:
            await self.effects.register(
                event.workspace, event.model, event.run_id, event.artifact_path, event.head.id
            )
        return []

    async def _ended(self, event: TrainingCompleted) -> None:
        """Return once the run has ended."""
        run = await self.registry.run(event.workspace, event.run_id)
        if run is None:
            raise Terminal(
                f"run {event.run_id!r} is not in workspace {event.workspace!r} of the registry: "
                "the pipeline sent another server's run id, or the run was deleted for good"
            )
        if run.status in _UNDER_WAY:
            raise NotYet(
                f"run {event.run_id!r} is {run.status}: until it ends its pipeline may register "
                "it itself",
                after=_ENDS_AGAIN,
                until=_PATIENCE,
            )

    async def _wait_for(self, event: TrainingCompleted) -> None:
        """Return once a version of the run has been seen."""
        records = await self.views.find(VersionRecord, model=event.head.key)
        if not any(record.run_id == event.run_id for record in records):
            raise NotYet(
                f"no version of run {event.run_id!r} has appeared in {event.model!r} yet",
                after=_LOOK_AGAIN,
                until=_PATIENCE,
                product="registry",
            )
