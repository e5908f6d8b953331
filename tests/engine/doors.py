"""A door over a real ledger, and an outside that loses, delays and doubles what it is asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from processor import events as e
from processor.adapters.ledgers import Ledger
from processor.engine.effects.door import Door
from processor.errors import Unavailable
from processor.policy.mode import Mode, Modes
from processor.testing.clock import JumpingClock
from processor.values.about import About
from processor.values.effect import Effect
from processor.values.principal import Principal

ANA = Principal("ana", "authenticated")


def door(ledger: Ledger, clock: JumpingClock, mode: Mode | Mapping[str, Mode] = "full") -> Door:
    return Door(effects=ledger.effects, views=ledger.views, clock=clock, modes=Modes.written(mode))


def an_effect(kind: str = "proposal.open", key: str = "k", cause: str = "cause") -> Effect:
    return Effect(key, kind, "subject", "", "", "digest", cause)


@dataclass
class Forge:
    """An outside that makes a new thing per request; `lose` loses the answer, `late` the request
    until `land` is called; a request whose branch was cleared makes nothing."""

    lose: bool = False
    late: bool = False
    made: list[str] = field(default_factory=list)
    wire: list[int] = field(default_factory=list)
    cleared: set[int] = field(default_factory=set)

    async def send(self, attempt: int) -> str:
        if self.late:
            self.late = False
            self.wire.append(attempt)
            raise Unavailable("forge", "timed out")
        self.made.append(f"#{len(self.made) + 1}")
        if self.lose:
            self.lose = False
            raise Unavailable("forge", "connection reset")
        return self.made[-1]

    async def look(self) -> str | None:
        return self.made[0] if self.made else None

    async def clear(self, attempt: int) -> None:
        self.cleared.add(attempt)

    def land(self) -> None:
        self.made += [f"late {n}" for n in self.wire if n not in self.cleared]
        self.wire.clear()


async def create(through: Door, forge: Forge, cause: str = "cause") -> str:
    asked = an_effect(cause=cause)
    return await through.create(asked, forge.send, forge.look, forge.clear, quiet=60, read=str)


async def paused(ledger: Ledger, model_key: str = "", by: Principal = ANA) -> None:
    """Let somebody stop our writes."""
    kind = e.WritesPaused
    head = kind.heading(About.keyed(model_key or "main"), await _fresh(ledger), actor=by)
    await ledger.log.append([kind(head=head, model_key=model_key, reason="looking into it")])


async def resumed(ledger: Ledger, model_key: str = "", by: Principal = ANA) -> None:
    """Let somebody let them go on."""
    kind = e.WritesResumed
    head = kind.heading(About.keyed(model_key or "main"), await _fresh(ledger), actor=by)
    await ledger.log.append([kind(head=head, model_key=model_key)])


async def _fresh(ledger: Ledger) -> str:
    return f"key-{(await ledger.counts.summary()).events}"
