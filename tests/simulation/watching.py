"""Order within a lane, watched where rows are taken and given back.

Place in the flow: `Lanes.over` puts a watch between the program and its work queue; `judge` reads
the problems it noted.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from processor.adapters.ledgers import Ledger
from processor.ports.work import Claim, Room
from processor.values.work import Work
from tests.simulation.life import LIFE, Life


@dataclass
class Lanes:
    """What every lane did, over all lives."""

    problems: list[str] = field(default_factory=list)
    taken: int = 0
    _running: dict[str, tuple[Life | None, int]] = field(default_factory=dict)
    _last: dict[str, int] = field(default_factory=dict)

    def over(self, ledger: Ledger) -> Ledger:
        """Return the ledger with its work queue watched."""
        watched: Any = Watched(ledger.work, self)
        return replace(ledger, work=watched)

    def took(self, work: Work) -> None:
        """Note that a row's turn begins."""
        self.taken += 1
        life = LIFE.get()
        running = self._running.get(work.lane)
        if running is not None and running[0] is life:
            self.problems.append(f"{work.handler} began while row {running[1]} of its lane ran")
        if work.place < self._last.get(work.lane, 0):
            self.problems.append(f"{work.handler} was taken behind a later row of its lane")
        self._running[work.lane] = (life, work.id)
        self._last[work.lane] = work.place

    def gave(self, work: Work) -> None:
        """Note that a row's turn is over."""
        self._running.pop(work.lane, None)


@dataclass(frozen=True)
class Watched:
    """A work queue that tells what is taken and given back."""

    queue: Any
    lanes: Lanes

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return getattr(self.queue, name)  # type: ignore[no-any-return]

    async def claim(self, room: Room) -> Claim:
        claim: Claim = await self.queue.claim(room)
        for work, _ in claim.turns:
            self.lanes.took(work)
        return claim

    async def settle(self, work: Work, *args: Any, **more: Any) -> Any:
        done = await self.queue.settle(work, *args, **more)
        self.lanes.gave(work)
        return done

    async def postpone(self, work: Work, *args: Any, **more: Any) -> Any:
        done = await self.queue.postpone(work, *args, **more)
        self.lanes.gave(work)
        return done

    async def bury(self, work: Work, *args: Any, **more: Any) -> Any:
        done = await self.queue.bury(work, *args, **more)
        self.lanes.gave(work)
        return done
