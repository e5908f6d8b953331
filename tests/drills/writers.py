"""Two writers of one registry, us and others, in any order; and a judge who knows who wrote.

Our writes go through the real effects door and the ledger's table, get their answers late or
never and land when they like; the looks are those of the real source. Undecidable moments are
left out: a stranger and an open effect of ours that write the same value between two looks.
"""

import asyncio
import random
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from processor.adapters.ledgers import Ledger
from processor.engine.effects.door import Door
from processor.engine.effects.registry import RegistryDoor
from processor.errors import Unavailable
from processor.events import AliasRemoved, AliasSet, Event, VersionRegistered, VersionStageChanged
from processor.policy.mode import Modes
from processor.ports.log import Appended
from processor.sources.registry import RegistrySource
from processor.testing.clock import JumpingClock
from processor.testing.registry import MemoryRegistry
from processor.values.effect import Effect
from processor.values.principal import SLUICE
from processor.values.version import Version

Matching = Literal["real", "off", "by value"]
"""How the source knows our writes: as it does; not at all; by any value we ever wrote."""
Step = tuple[str, str, str]
"""What is done, to which field (`stage:<model>`, `alias:<model>`), with which value."""

STAGED = ("a", "b")
POINTED = "c"
FIELDS = {
    "stage:a": ("None", "Staging", "Production", "Archived"),
    "stage:b": ("None", "Staging", "Production", "Archived"),
    "alias:c": ("1", "2", "3", ""),
}
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)
_OURS = ("ours", "lost", "late", "slow")


@dataclass(frozen=True)
class _Matching:
    """The ledger's snapshots, whose open effects a control shuts its eyes to, or believes."""

    real: Any
    how: Matching
    known: dict[str, Effect] = field(default_factory=dict)

    async def open_effects(self, prefix: str) -> Sequence[Effect]:
        found: Sequence[Effect] = await self.real.open_effects(prefix)
        if self.how == "real":
            return found
        if self.how == "off":
            return ()
        for one in found:
            self.known[one.key] = replace(one, state="ambiguous", attempt=10**6, quiet_until=_NEVER)
        return [one for one in self.known.values() if one.subject.startswith(prefix)]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


@dataclass(frozen=True)
class _Heard:
    """The ledger's log, and what this source has said in it."""

    real: Any
    said: list[Event] = field(default_factory=list)

    async def append(self, events: Sequence[Event], **more: Any) -> Appended:
        done: Appended = await self.real.append(events, **more)
        self.said.extend(event for event in events if event.head.id in done.new)
        return done

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


@dataclass(frozen=True)
class _Slowly:
    """The registry as the door reaches it: it answers when told to."""

    real: MemoryRegistry
    waiting: list["asyncio.Future[None]"]

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.real, name)

        async def slowly(*args: Any) -> Any:
            answer = await method(*args)
            if name.startswith(("set_", "remove_")):
                turn = asyncio.get_running_loop().create_future()
                self.waiting.append(turn)
                await turn
            return answer

        return slowly


@dataclass
class Judged:
    """What the registry's log of who wrote found against what was said."""

    ours: int = 0
    theirs: int = 0
    ours_as_foreign: list[str] = field(default_factory=list)
    theirs_swallowed: list[str] = field(default_factory=list)

    def add(self, other: "Judged") -> None:
        self.ours += other.ours
        self.theirs += other.theirs
        self.ours_as_foreign += other.ours_as_foreign
        self.theirs_swallowed += other.theirs_swallowed


@dataclass
class Interleaving:
    """One workspace of one ledger, from its first look to its last."""

    name: str
    ledger: Ledger
    clock: JumpingClock
    matching: Matching = "real"
    found: Judged = field(default_factory=Judged)
    _shown: dict[str, str] = field(default_factory=dict)
    _looked: dict[str, int] = field(default_factory=dict)
    _versions: dict[str, Version] = field(default_factory=dict)
    _waiting: list["asyncio.Future[None]"] = field(default_factory=list)
    _tasks: list["asyncio.Task[None]"] = field(default_factory=list)
    _made: int = 0

    def __post_init__(self) -> None:
        self.registry = MemoryRegistry(registry_id="main", clock=self.clock)
        self.log = _Heard(self.ledger.log)
        self.snapshots = _Matching(self.ledger.snapshots, self.matching)
        self._restart()

    async def play(self, dice: random.Random, steps: int) -> list[Step]:
        """Make up steps and take them; return those that were taken."""
        await self._begin()
        taken: list[Step] = []
        for _ in range(steps):
            what = dice.choice((*_OURS, *("theirs",) * 4, *("look",) * 4, "answer", "wait", "made"))
            if what == "made":
                what = dice.choice(("made by us", "made by them", "restart"))
            if what == "look":
                step = (what, dice.choice(("changes", "models", "full")), "")
            else:
                where = dice.choice(tuple(FIELDS))
                step = (what, where, dice.choice(FIELDS[where]))
            if await self._decidable(step):
                await self._take(step)
                taken.append(step)
        await self._end()
        return taken

    async def replay(self, steps: Sequence[Step]) -> None:
        """Take exactly these steps."""
        await self._begin()
        for step in steps:
            await self._take(step)
        await self._end()

    async def _begin(self) -> None:
        for model in (*STAGED, POINTED):
            for number in range(3 if model == POINTED else 1):
                row = self.registry.register(self.name, model, f"{model}-{number}")
                self._versions[model] = row.version
        await self.clock.jump(10)
        await self.source.reconcile()
        await self.source.look_models()
        await self.clock.jump(10)
        self._shown = {where: "None" if where.startswith("stage") else "" for where in FIELDS}
        self.log.said.clear()
        self.registry.wrote.clear()

    async def _end(self) -> None:
        await self._answer()
        await self.clock.jump(120)
        for which in ("changes", "models", "full"):
            await self._look(which)
        self.found.ours += sum(one.by == "sluice" for one in self.registry.wrote)
        self.found.theirs += sum(one.by != "sluice" for one in self.registry.wrote)

    async def _decidable(self, step: Step) -> bool:
        """Tell whether anybody could tell afterwards whose write this was."""
        what, where, value = step
        if what in _OURS:
            self.registry.land()
            unseen = self._written(where)[self._looked.get(where, 0) :]
            return not unseen or unseen[-1] == ("sluice", value) or unseen[-1][1] != value
        if what == "theirs":
            name, model = where.split(":")
            effects = await self.ledger.snapshots.open_effects("registry:")
            return not any(
                one.new == value
                and one.field.split(":")[0] == name
                and f"/{self.name}/{model}" in one.subject
                for one in effects
            )
        return True

    async def _take(self, step: Step) -> None:
        what, where, value = step
        if what in _OURS:
            await self._ours(what, where, value)
        elif what == "theirs":
            await self.clock.jump(1)
            self._theirs(where, value)
        elif what == "look":
            await self._look(where)
        elif what in {"answer", "wait"}:  # no request waits for its answer as long as that
            await self.clock.jump(1)
            await self._answer()
            await self.clock.jump(45 if what == "wait" else 0)
        elif what == "restart":
            self._restart()
        else:
            await self._version(ours=what == "made by us")

    async def _ours(self, how: str, where: str, value: str) -> None:
        """Write through the door; its answer comes, is lost, is late, or waits to be let in."""
        name, model = where.split(":")
        mark = "stage" if name == "stage" else "alias:champion"
        self._made += 1
        cause = f"{self.name}-{self._made}"
        write = self._door(slow=how == "slow").mark(self._versions[model], mark, value, "", cause)
        self.registry.lose_answer = how == "lost"
        self.registry.late_by = 20 if how == "late" else None
        if how == "slow":
            before = len(self._waiting)
            self._tasks.append(asyncio.create_task(write))
            while len(self._waiting) == before:
                await asyncio.sleep(0)
        else:
            await _tried(write)
        await self.clock.jump(1)

    def _theirs(self, where: str, value: str) -> None:
        name, model = where.split(":")
        if name == "stage":
            self.registry.put_stage(self.name, model, self._versions[model].number, value)
        else:
            self.registry.put_alias(self.name, model, "champion", value)

    async def _version(self, *, ours: bool) -> None:
        """Register a version of a model that nobody marks."""
        self._made += 1
        run = f"run-{self._made}"
        self.registry.finish_run(self.name, run)
        if ours:
            cause = f"{self.name}-{self._made}"
            await self._door(slow=False).register(self.name, "d", run, "model", cause)
        else:
            self.registry.register(self.name, "d", run)
        await self.clock.jump(1)

    async def _answer(self) -> None:
        """Let every answer that is on its way arrive."""
        for turn in self._waiting:
            if not turn.done():
                turn.set_result(None)
        await asyncio.gather(*self._tasks)
        self._waiting.clear()
        self._tasks.clear()

    async def _look(self, which: str) -> None:
        """Look, and compare what was said with who wrote."""
        await self.clock.jump(1)
        looks = {
            "changes": self.source.look_changes,
            "models": self.source.look_models,
            "full": self.source.reconcile,
        }
        await looks[which]()
        said, self.log.said[:] = list(self.log.said), []
        for where in FIELDS:
            here = [told for told in map(_told, said) if told[0] == where]
            # The look at changes reads aliases too, of models whose own time moved.
            if here or which == "full" or where.startswith("alias") == (which == "models"):
                self._judge(where, here)
        self._judge_versions(said)

    def _judge(self, where: str, said: Sequence[tuple[str, str, bool]]) -> None:
        """One change is said for what the look shows anew, with the name of who wrote it."""
        written = self._written(where)
        self._looked[where] = len(written)
        by, now = written[-1] if written else ("", self._shown[where])
        if now != self._shown[where]:
            self._shown[where] = now
            said_so = [ours for _, value, ours in said if value == now]
            if by == "sluice" and said_so != [True]:
                self.found.ours_as_foreign.append(f"{self.name} {where} {now!r}: {said}")
            if by != "sluice" and said_so != [False]:
                self.found.theirs_swallowed.append(f"{self.name} {where} {now!r}: {said}")
        for _, value, ours in said:
            writers = {who == "sluice" for who, wrote in written if wrote == value}
            if ours not in writers:
                wrong = self.found.theirs_swallowed if ours else self.found.ours_as_foreign
                wrong.append(f"{self.name} {where} {value!r} was written by nobody of that name")

    def _judge_versions(self, said: Sequence[Event]) -> None:
        made = [one for one in self.registry.wrote if (one.model, one.field) == ("d", "version")]
        by = {one.value: one.by for one in made}
        for event in said:
            if isinstance(event, VersionRegistered):
                ours = event.head.actor == SLUICE
                if ours != (by[event.version.number] == "sluice"):
                    wrong = self.found.theirs_swallowed if ours else self.found.ours_as_foreign
                    wrong.append(f"{self.name} d v{event.version.number}")

    def _written(self, where: str) -> list[tuple[str, str]]:
        """Return who wrote what to a field, in order."""
        name, model = where.split(":")
        return [
            (one.by, one.value)
            for one in self.registry.wrote
            if one.model == model and one.field.split(":")[0] == name
        ]

    def _restart(self) -> None:
        log: Any = self.log
        snapshots: Any = self.snapshots
        self.source = RegistrySource(
            registry_id="main",
            workspaces=(self.name,),
            reader=self.registry,
            log=log,
            snapshots=snapshots,
            clock=self.clock,
            incarnation=str(self.ledger.incarnation),
        )

    def _door(self, *, slow: bool) -> RegistryDoor:
        writer: Any = _Slowly(self.registry, self._waiting) if slow else self.registry
        door = Door(
            effects=self.ledger.effects,
            views=self.ledger.views,
            clock=self.clock,
            modes=Modes.written("full"),
        )
        return RegistryDoor(registry_id="main", door=door, reader=self.registry, writer=writer)


async def _tried(write: Awaitable[None]) -> None:
    """Write; an answer that does not come is the row's business, not this drill's."""
    try:
        await write
    except Unavailable:
        return


def _told(event: Event) -> tuple[str, str, bool]:
    """Return the field an event tells of, its value now, and whether it is called ours."""
    ours = event.head.actor == SLUICE
    match event:
        case VersionStageChanged():
            return f"stage:{event.version.model}", event.new, ours
        case AliasSet():
            return f"alias:{event.head.key.rpartition('/')[2]}", event.number, ours
        case AliasRemoved():
            return f"alias:{event.head.key.rpartition('/')[2]}", "", ours
        case _:
            return "", "", ours
