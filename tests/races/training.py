"""Pipelines that say they have finished, and register their runs themselves when they like.

Place in the flow: `test_training_races` runs many of them against the whole program, and then
asks the registry, nobody else, how many versions of each run and model there are.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from processor.errors import Unavailable
from processor.events import TrainingCompleted
from processor.events.codec import decode_foreign
from processor.ports.log import EventLog

Say = Literal["please", "done"]
Off = Literal["", "look", "end"]
_EARLY, _LONG, _LATE = 5.0, 60.0, 60.0  # seconds of a race: before, within and after its run


class Registry(Protocol):
    """What pipelines do at a registry."""

    async def start_run(self) -> str: ...
    async def end_run(self, run: str) -> None: ...
    async def register(self, model: str, run: str) -> None: ...


@dataclass(frozen=True)
class Race:
    """One run of one model, and the moments of everything its pipeline does, in seconds.

    `registers` is None for a pipeline that leaves it to us; `said` are the moments at which it
    says that it has finished, each under an id of its own unless `same_id`.
    """

    model: str
    says: Say
    ends: float
    registers: float | None
    said: tuple[float, ...]
    same_id: bool

    @classmethod
    def drawn(cls, dice: random.Random, model: str, says: Say, scale: float = 1.0) -> "Race":
        """Draw a race; `scale` shortens it for registries that run in real time.

        A pipeline that says `please` and registers all the same does so before its run ends, as
        `log_model(registered_model_name=...)` does; one that says `done` may do so much later.
        """
        ends = dice.uniform(1, _LONG)
        if says == "done":
            registers: float | None = dice.uniform(0, ends + _LATE)
        else:
            registers = dice.uniform(0, ends) if dice.random() < 0.6 else None
        # Often just then: a moment before, a moment after what matters.
        near = [ends, ends if registers is None else registers]
        said = tuple(
            max(0.0, dice.choice([dice.uniform(0, ends + _EARLY), dice.choice(near) + wobble]))
            for wobble in (dice.uniform(-0.2, 0.2) for _ in range(dice.choice((1, 1, 2, 3))))
        )
        return cls(
            model,
            says,
            ends * scale,
            None if registers is None else registers * scale,
            tuple(one * scale for one in said),
            dice.random() < 0.5,
        )

    async def run(self, registry: Registry, log: Callable[[], EventLog]) -> str:
        """Run it; return the run's id."""
        run = await registry.start_run()
        steps: list[Awaitable[None]] = [_at(self.ends, lambda: registry.end_run(run))]
        if self.registers is not None:
            steps.append(_at(self.registers, lambda: registry.register(self.model, run)))
        for number, moment in enumerate(self.said):
            event = self._event(run, 0 if self.same_id else number)
            steps.append(_at(moment, lambda event=event: _append(log, event)))  # type: ignore[misc]
        await asyncio.gather(*steps)
        return run

    def _event(self, run: str, number: int) -> TrainingCompleted:
        attributes = {
            "specversion": "1.0",
            "id": f"{run}-{number}",
            "source": "/pipelines",
            "type": TrainingCompleted.type_name(),
        }
        data = {"run_id": run, "model": self.model, "registration": self.says}
        event = decode_foreign(attributes, data, registry_id="main", awaited=frozenset())
        assert isinstance(event, TrainingCompleted)
        return event


async def _at(moment: float, deed: Callable[[], Awaitable[None]]) -> None:
    await asyncio.sleep(moment)
    await deed()


async def _append(log: Callable[[], EventLog], event: TrainingCompleted) -> None:
    await log().append([event])


@dataclass
class Wire:
    """The program's way to the registry: slow, sometimes lossy.

    `off` is the guard a control does without: `look` (it does not see what others registered) or
    `end` (it takes every run for ended).
    """

    part: Any
    dice: random.Random
    slowest: float
    off: Off = ""
    loses: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)

    def __getattr__(self, method: str) -> Callable[..., Awaitable[Any]]:
        if method.startswith("_"):
            raise AttributeError(method)
        found = getattr(self.part, method)

        async def call(*given: object) -> Any:
            self.calls[method] += 1
            if self.off == "look" and method == "made_elsewhere":
                return None
            await asyncio.sleep(self.dice.uniform(0, self.slowest))
            answer = await found(*given)
            await asyncio.sleep(self.dice.uniform(0, self.slowest))
            if self.dice.random() < self.loses:
                raise Unavailable("registry", "no answer")
            if self.off == "end" and method == "run":
                return replace(answer, status="FINISHED")
            return answer

        return call
