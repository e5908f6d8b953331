"""The poller as a process that is killed again and again, in virtual time.

Place in the flow: the R6 drill. A life is the real source under the real pace over the real ledger;
its requests and its appends take time, and it ends at one of these moments: a request leaves, an
answer arrives, an append is stored. Whatever a dead life still tries is refused.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from processor.adapters.ledgers import Ledger
from processor.engine.dependencies import KnownStates
from processor.rules.pace import Rhythm
from processor.sources.findings import Findings
from processor.sources.pace import Course
from processor.sources.registry import RegistrySource
from processor.sources.schedule import keep_looking
from processor.testing.registry import MemoryRegistry
from processor.values.wakeup import REGISTRY as HINTED
from processor.values.wakeup import Hinted
from tests.registry.watching import REGISTRY, WORKSPACE
from tests.simulation.loop import VirtualClock

EVERY: Mapping[str, float] = {"changes": 2.0, "models": 30.0, "reconcile": 900.0}
"""The looks' intervals by default, in seconds."""
_DOWN = 0.5  # seconds from a death to the next start
_MOMENTS = ("as a request left", "as an answer came", "as an append was stored")


class Dead(asyncio.CancelledError):
    """The process is gone."""


@dataclass
class Life:
    """One process; `ending` is the moment it is to end at, and how many such may pass before."""

    dice: Random
    ending: tuple[str, int] | None = None
    told: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def passes(self, moment: str, longest: float) -> None:
        """Take some time, then pass a moment, perhaps the last."""
        await asyncio.sleep(self.dice.uniform(0.001, longest))
        if self.ended.is_set():
            raise Dead
        if self.ending is not None and self.ending[0] == moment:
            self.ending = (moment, self.ending[1] - 1)
            if self.ending[1] < 0:
                self.ended.set()
                raise Dead


@dataclass(frozen=True)
class _Reader:
    """The registry, some milliseconds away."""

    real: MemoryRegistry
    life: Life

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.real, name)

        async def call(*args: Any) -> Any:
            await self.life.passes("as a request left", 0.01)
            answer = await method(*args)
            await self.life.passes("as an answer came", 0.01)
            return answer

        return call


@dataclass(frozen=True)
class _Log:
    """The ledger's log, whose answer may come too late for somebody."""

    real: Any
    life: Life

    async def append(self, *args: Any, **more: Any) -> Any:
        if self.life.ended.is_set():
            raise Dead
        done = await self.real.append(*args, **more)
        self.life.told += len(done.new)
        await self.life.passes("as an append was stored", 0.003)
        return done

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


@dataclass(kw_only=True)
class Poller:
    """Lives one after another over one ledger, until told to stop.

    `polls` False is the control: nothing is looked at but what hooks named, as if they were the
    truth. `made` counts the changes there were: a kill while fewer were told is on unfinished work.
    """

    path: Path
    registry: MemoryRegistry
    clock: VirtualClock
    dice: Random
    polls: bool = True
    made: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    on_unfinished: int = 0
    told: int = 0
    _life: Life | None = None
    _ledger: Ledger | None = None
    _hint: asyncio.Event = field(default_factory=asyncio.Event)
    _hooks: int = 0

    async def run(self) -> None:
        """Live again after each death."""
        while True:
            self._ledger = await Ledger.open(self.path, REGISTRY, self.clock, inline=True)
            self._life = Life(self.dice)
            source = self._source(self._ledger, self._life)
            looks = [asyncio.create_task(look) for look in self._looks(source)]
            try:
                await self._life.ended.wait()
            finally:
                self._life.ended.set()
                self.told += self._life.told
                for look in looks:
                    look.cancel()
                await asyncio.gather(*looks, return_exceptions=True)
                await self._ledger.close()
                self._ledger = None
            await asyncio.sleep(_DOWN)

    async def begin(self) -> None:
        """Make the baseline in a life of its own: what is there is no news."""
        ledger = await Ledger.open(self.path, REGISTRY, self.clock, inline=True)
        await self._source(ledger, Life(self.dice)).reconcile()
        await ledger.close()

    async def kill(self) -> None:
        """End the present life at one of its next moments."""
        while self._ledger is None or self._life is None or self._life.ended.is_set():
            await asyncio.sleep(0.01)
        moment = self.dice.choice(_MOMENTS)
        life = self._life
        life.ending = (moment, self.dice.randrange(3))
        await life.ended.wait()
        self.kills[moment] += 1
        self.on_unfinished += self.made > self.told

    async def hook(self, subject: Hinted) -> None:
        """Deliver a hook of MLflow, which tries again while nobody is there."""
        while self._ledger is None:
            await asyncio.sleep(_DOWN / 2)
        self._hooks += 1
        await self._ledger.wakeups.put(HINTED, subject, f"d{self._hooks}", self.clock.now())
        self._hint.set()

    def _source(self, ledger: Ledger, life: Life) -> RegistrySource:
        reader: Any = _Reader(self.registry, life)
        log: Any = _Log(ledger.log, life)
        return RegistrySource(
            registry_id=REGISTRY,
            workspaces=(WORKSPACE,),
            reader=reader,
            log=log,
            snapshots=ledger.snapshots,
            clock=self.clock,
            incarnation=str(ledger.incarnation),
            wakeups=ledger.wakeups,
        )

    def _looks(self, source: RegistrySource) -> list[Any]:
        polled = {
            "changes": source.look_changes,
            "models": source.look_models,
            "reconcile": source.reconcile,
        }
        looks = polled if self.polls else {"hinted": source.look_hinted}
        return [
            keep_looking(
                look,
                course=Course(name=name, rhythm=Rhythm(EVERY.get(name, 1e9)), clock=self.clock),
                products=["registry"],
                clock=self.clock,
                findings=Findings(dependencies=KnownStates(clock=self.clock)),
                wake=asyncio.Event() if self.polls else self._hint,
            )
            for name, look in looks.items()
        ]
