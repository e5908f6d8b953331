"""Everybody who is not the program: pipelines, approvers, strangers, the weather.

Place in the flow: a run of R2 starts them on a simulation; they act until `finish`, when whoever
decides only says yes, so that nothing waits for a person any more. Each deed has its own dice
(by run, by promotion), so that one more crash moves no other deed.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random

from processor.app.program import Program
from processor.errors import Refused, SluiceError
from processor.values.principal import Principal
from processor.values.promotion import Promotion
from processor.values.proposal import Proposal
from processor.values.record import VersionRecord
from tests.simulation.program import Simulation
from tests.simulation.world import WHERE

APPROVERS = ("ana", "ben", "cem")
GIT = {"ana": "Ana A", "ben": "Ben B", "cem": "cem"}
MLFLOW = {"ana-ml": "ana"}
_MOODS = {
    "approve": 60,
    "approve own": 8,
    "reject": 8,
    "close as approver": 3,
    "close as stranger": 2,
    "delete branch": 3,
    "push": 7,
    "bypass": 3,
    "late": 6,
}
_SCANNER_WAITS = 600.0
_TOLD = "SELECT subject FROM event WHERE type = 'sluice.model_version.registered.v1'"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training run; `good`: its metrics pass."""

    name: str
    model: str
    registration: str
    good: bool
    user: str


@dataclass
class People:
    """`did` counts deeds, `refused` what the program refused, by title."""

    sim: Simulation
    runs: dict[str, Run] = field(default_factory=dict)
    did: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    wrote: list[tuple[str, str]] = field(default_factory=list)
    finishing: bool = False
    _seen: set[str] = field(default_factory=set)

    # --- pipelines -------------------------------------------------------------------------

    async def train(self, count: int, every: float) -> None:
        """Be the pipelines: so many runs, one about every so many seconds."""
        rng = self.sim.plan.rng("pipelines")
        under_way: list[asyncio.Task[None]] = []
        for number in range(count):
            under_way.append(self.sim.world.started(self._one_run(number)))
            await asyncio.sleep(rng.uniform(0, 2 * every))
        await asyncio.gather(*under_way)

    async def _one_run(self, number: int) -> None:
        sim, rng = self.sim, self.sim.plan.rng(f"run {number}")
        run = Run(
            name=f"run-{number}",
            model=rng.choice(sim.plan.models),
            registration=rng.choice(["please", "please", "done"]),
            good=rng.random() < 0.85,
            user=rng.choice(["tara", "tara", "ana-ml"]),
        )
        self.runs[run.name] = run
        if rng.random() < 0.2:
            sim.world.registry.start_run("default", run.name)
            if run.registration == "please":
                await sim.emit(run.model, run.name)
            await asyncio.sleep(rng.uniform(1, 40))
        accuracy = f"{rng.uniform(0.9, 1.0):.4f}" if run.good else f"{rng.uniform(0.5, 0.89):.4f}"
        sim.world.train(run.name, accuracy=accuracy, user=run.user)
        if run.registration == "done":
            sim.world.start(self._register(run, rng.uniform(0, 30)))
        for _ in range(rng.choice([1, 1, 2, 3])):
            await sim.emit(run.model, run.name, registration=run.registration)
            await asyncio.sleep(rng.uniform(0, 10))
        if run.model.startswith("scan"):
            await self._scan(run, rng)

    async def _register(self, run: Run, after: float) -> None:
        await asyncio.sleep(after)
        self.sim.world.registry.register("default", run.model, run.name)

    async def _scan(self, run: Run, rng: Random) -> None:
        """Be the scanner: it answers for a version once it is there, sometimes never.

        Some are never there: asked for while the mode allowed no writes, or deleted by a stranger.
        """
        if rng.random() < 0.1:
            return
        ends = asyncio.get_running_loop().time() + _SCANNER_WAITS
        while not (mine := [one for one in self.sim.world.versions() if one.run_id == run.name]):
            if asyncio.get_running_loop().time() > ends:
                self.did["scan given up"] += 1
                return
            await asyncio.sleep(2)
        await asyncio.sleep(rng.uniform(0, 60))
        verdict = "passed" if rng.random() < 0.9 else "failed"
        for _ in range(rng.choice([1, 2])):
            await self.sim.say(
                "scan.completed",
                f"scan-{run.name}",
                {"model": run.model, "version": mine[0].version.number, "verdict": verdict},
            )

    # --- approvers -------------------------------------------------------------------------

    async def decide(self) -> None:
        """Be everybody who looks at open proposals now and then."""
        rng = self.sim.plan.rng("approvers")
        while True:
            await asyncio.sleep(rng.uniform(2, 6))
            waiting = await self.sim.ask(
                lambda program: program.site.known.views.find(Promotion, state="proposed")
            )
            for promotion in waiting:
                if promotion.id not in self._seen:
                    self._seen.add(promotion.id)
                    self.sim.world.start(self._decide(promotion))

    async def _decide(self, promotion: Promotion) -> None:
        rng = self.sim.plan.rng(promotion.id)
        await asyncio.sleep(rng.uniform(1, 40))
        mood = rng.choices(list(_MOODS), list(_MOODS.values()))[0]
        if self.finishing:
            mood = "approve"
        self.did[mood] += 1
        match mood:
            case "late":
                await asyncio.sleep(rng.uniform(100, 400))
            case "approve own":
                await self._approve(promotion, ("ana",))
            case "push":
                self._push(promotion, rng)
            case "reject":
                await self._reject(promotion, rng)
            case "close as approver" | "close as stranger" | "delete branch" | "bypass":
                await self._at_the_forge(promotion, mood)
            case _:
                pass
        await self._say_yes(promotion, rng)
        if rng.random() < 0.3:
            await self._ask_again(promotion, rng)

    async def _say_yes(self, promotion: Promotion, rng: Random) -> None:
        """Approve, as whoever may, until it is not open any more; merge where people merge.

        What conflicts with the branch is closed: that is for a person, and nobody guesses.
        """
        model, approved = promotion.version.model, False
        while (proposal := self._open(promotion)) is not None:
            if self.sim.world.conflicts(proposal):
                await self._close(proposal)
                return
            if not approved and not model.startswith("auto") and promotion.target != "staging":
                names = list(APPROVERS)
                rng.shuffle(names)
                approved = await self._approve(promotion, tuple(names))
            elif model.startswith("churn"):
                statuses = await self.sim.world.forge.statuses(WHERE, proposal.head_sha)
                if any(one.state == "success" for one in statuses):
                    await self._merge(proposal, GIT[rng.choice(APPROVERS)])
                    return
            elif approved and not any(
                one.state == "success"
                for one in await self.sim.world.forge.statuses(WHERE, proposal.head_sha)
            ):
                approved = False  # voided, or not heard: say it again
            await asyncio.sleep(rng.uniform(5, 15))

    async def _approve(self, promotion: Promotion, names: tuple[str, ...]) -> bool:
        """Try one after the other; return whether somebody's yes was taken."""
        for name in names:
            proposal = self._open(promotion)
            if proposal is None:
                return False
            who = Principal(name, "authenticated")
            head, key = proposal.head_sha, f"{promotion.id}:{name}:{proposal.head_sha}"
            if await self._wish(_approval(who, promotion, head, key)):
                self.did["yes"] += 1
                return True
        return False

    async def _reject(self, promotion: Promotion, rng: Random) -> None:
        who = Principal(rng.choice(APPROVERS), "authenticated")
        while self._open(promotion) is not None:
            if await self._wish(
                lambda program: program.site.wishes.reject(
                    who, promotion.id, "not this one", f"no:{promotion.id}"
                )
            ):
                return
            await asyncio.sleep(rng.uniform(2, 10))

    def _push(self, promotion: Promotion, rng: Random) -> None:
        proposal = self._open(promotion)
        if proposal is not None:
            files = {f"notes/{promotion.id}.md": b"a word by hand"}
            name = GIT[rng.choice(APPROVERS)]
            self.sim.world.forge.person_pushes(WHERE, proposal.branch, files, name)

    async def _at_the_forge(self, promotion: Promotion, mood: str) -> None:
        forge, proposal = self.sim.world.forge, self._open(promotion)
        if proposal is None:
            return
        match mood:
            case "close as approver":
                by = Principal("ben", "authenticated")
                await forge.close(WHERE, proposal.number, "no", by)
            case "close as stranger":
                await forge.close(WHERE, proposal.number, "tidying up", Principal("zoe", "claimed"))
            case "delete branch":
                forge.person_moves(WHERE, proposal.branch, None)
            case _:
                await self._merge(proposal, "Zoe Z")

    async def _merge(self, proposal: Proposal, name: str) -> None:
        """Merge by hand; what conflicts is closed."""
        if self.sim.world.merge_by_hand(proposal, name):
            self.did["merge by hand"] += 1
        else:
            await self._close(proposal)

    async def _close(self, proposal: Proposal) -> None:
        """Close what conflicts."""
        self.did["conflict"] += 1
        by = Principal("ben", "authenticated")
        await self.sim.world.forge.close(WHERE, proposal.number, "it conflicts", by)

    async def _ask_again(self, promotion: Promotion, rng: Random) -> None:
        """Want a version that was turned down."""
        await asyncio.sleep(rng.uniform(10, 60))
        if self.finishing:
            return
        found = await self.sim.ask(
            lambda program: program.site.known.views.get(Promotion, promotion.id)
        )
        if found is None or found.state not in {"rejected", "withdrawn", "superseded"}:
            return
        record = await self.sim.ask(
            lambda program: program.site.known.views.get(VersionRecord, promotion.version.path)
        )
        if record is not None:
            who = Principal("ana", "authenticated")
            self.did["ask again"] += 1
            await self._wish(
                lambda program: program.site.wishes.request(
                    who, record, promotion.target, "again, please", f"again:{promotion.id}"
                )
            )

    async def _wish(self, wish: Callable[[Program], Awaitable[object]]) -> bool:
        """Wish once; return whether it was granted."""
        try:
            await self.sim.ask(wish)
        except Refused as refusal:
            self.refused[refusal.title] += 1
            return False
        except SluiceError as trouble:
            self.refused[type(trouble).__name__] += 1
            return False
        return True

    def _open(self, promotion: Promotion) -> Proposal | None:
        """Return the promotion's pull request while the forge has it open."""
        for one in self.sim.world.proposals():
            if one.promotion_id == promotion.id and one.state == "open":
                return one
        return None

    # --- strangers -------------------------------------------------------------------------

    async def meddle(self, every: float) -> None:
        """Be people who write in the registry by hand."""
        rng, registry = self.sim.plan.rng("strangers"), self.sim.world.registry
        while True:
            await asyncio.sleep(rng.uniform(0, 2 * every))
            if self.finishing:
                return
            told = {subject for (subject,) in self.sim.select(_TOLD)}
            versions = [one for one in self.sim.world.versions() if one.version.path in told]
            if not versions:
                continue
            one = rng.choice(versions).version
            deed = rng.choices(["stage", "alias", "delete"], [50, 40, 10])[0]
            self.did[f"registry {deed}"] += 1
            match deed:
                case "stage":
                    stage = rng.choice(["Staging", "Production", "Archived", "None"])
                    registry.put_stage("default", one.model, one.number, stage)
                case "alias":
                    alias = rng.choice(["champion", "challenger", "pinned"])
                    number = rng.choice([one.number, one.number, ""])
                    registry.put_alias("default", one.model, alias, number)
                case _:
                    registry.delete_version("default", one.model, one.number)

    async def storms(self, every: float) -> None:
        """Let one product after another be down for a while."""
        rng, weather = self.sim.plan.rng("storms"), self.sim.weather
        products = ["registry", "forge local", "cluster production", "log"]
        while True:
            await asyncio.sleep(rng.uniform(0, 2 * every))
            if self.finishing:
                return
            product = rng.choice(products)
            self.did["outage"] += 1
            weather.down(product)
            await asyncio.sleep(rng.uniform(5, 120))
            weather.up(product)


def _approval(
    who: Principal, promotion: Promotion, head: str, key: str
) -> Callable[[Program], Awaitable[object]]:
    """Return one person's yes to one head."""
    return lambda program: program.site.wishes.approve(who, promotion.id, head, key)
