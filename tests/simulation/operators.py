"""People who stop, hold, ask anew and change the mode.

Place in the flow: a run of R2 starts them beside `people`; `put_right` undoes whatever they left
standing, so that a run can come to rest. When everything was paused is remembered for the judge.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random

from processor.app.program import Program
from processor.errors import Refused
from processor.values.hold import Hold
from processor.values.pause import EVERYTHING
from processor.values.principal import SLUICE, Principal
from processor.values.record import VersionRecord
from tests.simulation.program import Simulation

BEN = Principal("ben", "authenticated")


@dataclass
class Operators:
    """`paused` holds from when to when every write was stopped, by the loop's clock."""

    sim: Simulation
    did: Counter[str] = field(default_factory=Counter)
    paused: list[tuple[float, float]] = field(default_factory=list)
    finishing: bool = False
    _wishes: int = 0

    async def meddle(self, every: float) -> None:
        """Do something now and then, and undo it a while later."""
        rng = self.sim.plan.rng("operators")
        while True:
            await asyncio.sleep(rng.uniform(0, 2 * every))
            if self.finishing:
                return
            deed = rng.choices(
                ["pause", "pause all", "hold", "evaluate", "mode", "restart"],
                [15, 15, 25, 20, 15, 10],
            )[0]
            self.did[deed] += 1
            model = f"main/default/{rng.choice(self.sim.plan.models)}"
            match deed:
                case "pause":
                    await self._pause(model, rng.uniform(5, 90))
                case "pause all":
                    await self._pause(EVERYTHING, rng.uniform(5, 90))
                case "hold":
                    self.sim.world.start(self._hold(model, rng.uniform(10, 120)))
                case "evaluate":
                    await self._evaluate(rng)
                case "mode":
                    self.sim.change_mode(rng.choice(["observe", "propose"]))
                    await asyncio.sleep(rng.uniform(20, 90))
                    self.sim.change_mode("full")
                case _:
                    self.sim.stop()

    async def put_right(self) -> None:
        """Leave nothing stopped."""
        self.finishing = True
        self.sim.change_mode("full")

    async def let_go(self) -> None:
        """Release the targets that Sluice itself holds: somebody is to decide, and does."""
        held = await self.sim.ask(lambda program: program.site.known.views.find(Hold, state="open"))
        for hold in held:
            if hold.by == SLUICE:
                self.did["let go"] += 1
                await self._release(hold)

    async def _release(self, hold: Hold) -> None:
        await self._wish(
            lambda program, one: program.site.wishes.switches.release(
                BEN, hold.model_key, hold.target, "decided", one
            )
        )

    async def _pause(self, key: str, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        await self._wish(
            lambda program, one: program.site.wishes.switches.pause(BEN, key, "let me look", one)
        )
        began = loop.time()
        await asyncio.sleep(seconds)
        ended = loop.time()
        await self._wish(
            lambda program, one: program.site.wishes.switches.resume(BEN, key, "seen", one)
        )
        if key == EVERYTHING:
            self.paused.append((began, ended))

    async def _hold(self, model: str, seconds: float) -> None:
        await self._wish(
            lambda program, one: program.site.wishes.switches.hold(
                BEN, model, "production", "not during the sale", one
            )
        )
        await asyncio.sleep(seconds)
        await self._wish(
            lambda program, one: program.site.wishes.switches.release(
                BEN, model, "production", "the sale is over", one
            )
        )

    async def _evaluate(self, rng: Random) -> None:
        records = await self.sim.ask(
            lambda program: program.site.known.views.find(VersionRecord, state="live")
        )
        if records:
            record = rng.choice(list(records))
            await self._wish(
                lambda program, one: program.site.wishes.evaluate(BEN, record, "look again", one)
            )

    async def _wish(self, wish: Callable[[Program, str], Awaitable[object]]) -> None:
        """Wish with a key of its own, until it is granted or refused."""
        self._wishes += 1
        one = f"operator-{self._wishes}"
        try:
            await self.sim.ask(lambda program: wish(program, one))
        except Refused as refusal:
            self.did[f"refused: {refusal.title}"] += 1
