"""One race for one pull request: a processor that dies anywhere, over a wire that loses and delays.

Everything random comes from the race's seed; time is a clock that jumps.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from processor.adapters.ledgers import Ledger
from processor.engine.effects.door import Door
from processor.engine.effects.proposals import ProposalDoor
from processor.errors import Retryable, Terminal, Unavailable
from processor.policy.mode import Modes
from processor.testing.clock import JumpingClock
from processor.testing.forge import MemoryForge
from processor.testing.forges.gitea import GiteaLike
from processor.testing.forges.hasty import HastyForge
from processor.values.effect import Effect
from processor.values.proposal import Draft, Proposal
from processor.values.slot import Repository

WHERE = Repository("acme", "acme/gitops", "main")
FILE = "apps/production/fraud.yaml"
QUIET = 60.0
_TRAVELS = 30.0  # seconds a request may be on its way, and again inside a busy forge
_BUSY = 25.0
_PATIENCE = 10.0  # seconds a client waits for its answer
_TROUBLED = 5  # lives in which anything may go wrong; then the wire is clean
_LIVES = 12


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


@dataclass
class Mortal:
    """One life of the process; it ends at its n-th step, or not."""

    fatal: int
    steps: int = 0
    dead: bool = False

    def step(self) -> None:
        """Pass one point, or die there; whatever a dead process still tries has no effect."""
        self.steps += 1
        self.dead = self.dead or self.steps == self.fatal
        if self.dead:
            raise Killed


@dataclass(frozen=True)
class MortalEffects:
    """The effects table of one life; a process may die before and after each commit."""

    real: Any
    life: Mortal
    forgets: bool

    async def begin(self, effect: Effect) -> Effect:
        self.life.step()
        stored: Effect = await self.real.begin(effect)
        self.life.step()
        return (
            replace(stored, state="todo", attempt=0, quiet_until=None) if self.forgets else stored
        )

    async def save(self, effect: Effect) -> None:
        self.life.step()
        await self.real.save(effect)
        self.life.step()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


@dataclass
class Wire:
    """The forge as the process reaches it; what was sent goes on without the process."""

    forge: MemoryForge
    clock: JumpingClock
    life: Mortal
    dice: random.Random
    trouble: float
    blind: bool
    outside: set["asyncio.Task[object]"]

    async def find(self, where: Repository, promotion_id: str) -> Sequence[Proposal]:
        return () if self.blind else await self.forge.find(where, promotion_id)

    async def commit(self, *request: Any) -> Any:
        return await self._sent(self.forge.commit, *request)

    async def open(self, *request: Any) -> Any:
        return await self._sent(self.forge.open, *request)

    async def delete_branch(self, *request: Any) -> Any:
        return await self._sent(self.forge.delete_branch, *request)

    async def close(self, *request: Any) -> Any:
        return await self._sent(self.forge.close, *request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.forge, name)

    async def _sent(self, method: Callable[..., Awaitable[object]], *request: Any) -> object:
        self.life.step()
        fate = self.dice.random() / self.trouble if self.trouble else 1.0
        if fate < 0.15:
            raise Unavailable("forge acme", "connection refused")
        travels = self.dice.uniform(0, _TRAVELS) if fate < 0.5 else 0.0
        request_lives_on = asyncio.create_task(self._served(travels, method, *request))
        self.outside.add(request_lives_on)
        gives_up = asyncio.create_task(self.clock.sleep(_PATIENCE))
        try:
            await asyncio.wait({request_lives_on, gives_up}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gives_up.cancel()
        self.life.step()
        if not request_lives_on.done():
            raise Unavailable("forge acme", f"no answer within {_PATIENCE:g} s")
        if 0.5 <= fate < 0.8:
            raise Unavailable("forge acme", "connection reset")
        return request_lives_on.result()

    async def _served(
        self, travels: float, method: Callable[..., Awaitable[object]], *request: Any
    ) -> object:
        await self.clock.sleep(travels)
        return await method(*request)


@dataclass
class Outcome:
    """What the forge's own list shows in the end, and how the processor ended."""

    standing: list[int]
    known: int | None
    died: str
    tries: int
    deaths: int


@dataclass
class Race:
    """One promotion's pull request on one forge. `forgets`: the control, memory and eyes shut."""

    seed: str
    forge: MemoryForge
    ledger: Ledger
    clock: JumpingClock
    forgets: bool = False
    outside: set["asyncio.Task[object]"] = field(default_factory=set)
    tries: int = 0
    deaths: int = 0

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        if isinstance(self.forge, GiteaLike):
            self.forge.busy = lambda: self.clock.sleep(self.dice.choice((0.0, 3.0, _BUSY)))
        if isinstance(self.forge, HastyForge):
            self.forge.merges = self.dice.random() < 0.5

    async def run(self) -> Outcome:
        """Ask for it until it is there or given up; let everything land; ask the forge."""
        return await self._ended(self._until_known)

    async def run_twice_at_once(self) -> Outcome:
        """Have two turns at it side by side, as no lane allows; nothing goes wrong otherwise."""
        return await self._ended(self._both)

    async def _ended(self, story: Callable[[], Awaitable[int]]) -> Outcome:
        self.forge.create_repository(WHERE, {FILE: b"uri: one\n"})
        known, died = None, ""
        try:
            known = await story()
        except Terminal as end:
            died = str(end)
        await self._passes(QUIET + _TRAVELS + _BUSY)
        await asyncio.gather(*self.outside, return_exceptions=True)
        self.forge.settle()
        found = await self.forge.find(WHERE, self.seed)
        standing = [one.number for one in found if not one.void]
        return Outcome(standing, known, died, self.tries, self.deaths)

    async def _until_known(self) -> int:
        for born in range(_LIVES):
            troubled = born < _TROUBLED
            life = Mortal(self.dice.randrange(0, 16) if troubled else 0)
            await self.ledger.effects.recover(self.clock.now())
            try:
                return await self._live(life, trouble=1.0 if troubled else 0.0)
            except Killed:
                self.deaths += 1
                await self._passes(self.dice.uniform(0, 5))
        raise AssertionError(f"seed {self.seed}: not known after {_LIVES} lives")

    async def _both(self) -> int:
        life = Mortal(0)
        first, second = (asyncio.create_task(self._live(life, trouble=0.0)) for _ in range(2))
        ended = await asyncio.gather(first, second, return_exceptions=True)
        for one in ended:
            if isinstance(one, BaseException):
                raise one
        return first.result()

    async def _live(self, life: Mortal, trouble: float) -> int:
        """Take turns at the row as the worker does, until it is done or the process dies."""
        wire = Wire(self.forge, self.clock, life, self.dice, trouble, self.forgets, self.outside)
        through = self._door(life, wire)
        for turn in range(60):
            wire.trouble = trouble if turn < _TROUBLED else 0.0
            self.tries += 1
            try:
                return await self._pumped(self._turn(through, wire))
            except Retryable as early:
                await self._passes(early.after)
                if not self.forgets and self.dice.random() < 0.3:
                    self.forge.person_pushes(WHERE, "main", {"other": self._bytes()}, "bo")
        raise AssertionError(f"seed {self.seed}: not known after 60 turns of one life")

    async def _turn(self, through: ProposalDoor, wire: Wire) -> int:
        """Do what `propose` does: look for its own pull request, then open one."""
        for found in await wire.find(WHERE, self.seed):
            if not found.void:
                return found.number
        draft = Draft(
            promotion_id=self.seed,
            branch=f"promote/production/{self.seed}",
            base_sha=await self.forge.head(WHERE),
            files=((FILE, b"uri: two\n"),),
            message="Promote fraud v7",
            title="Promote fraud v7",
            body="body",
            at=datetime(2026, 3, 1, tzinfo=UTC),
        )
        return (await through.open(WHERE, draft, f"cause-{self.seed}")).number

    def _door(self, life: Mortal, wire: Wire) -> ProposalDoor:
        effects: Any = MortalEffects(self.ledger.effects, life, self.forgets)
        door = Door(
            effects=effects,
            views=self.ledger.views,
            clock=self.clock,
            modes=Modes.written("full"),
        )
        reached: Any = {WHERE.forge: wire}
        return ProposalDoor(door=door, readers=reached, writers=reached, quiet={WHERE.forge: QUIET})

    def _bytes(self) -> bytes:
        return str(self.dice.random()).encode()

    async def _pumped(self, turn: Awaitable[int]) -> int:
        """Let time pass while a turn waits for it."""
        task = asyncio.ensure_future(turn)
        while not task.done():
            for _ in range(8):
                await asyncio.sleep(0)
            if not task.done():
                await self.clock.jump(0.5)
        return task.result()

    async def _passes(self, seconds: float) -> None:
        """Let time pass, in steps, so that what is due in it happens in its order."""
        until = self.clock.steady() + seconds
        while (left := until - self.clock.steady()) > 0:
            await self.clock.jump(min(max(left, 0.001), 1.0))
            for _ in range(4):
                await asyncio.sleep(0)
