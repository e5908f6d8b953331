"""A ledger in memory and a story to tell in it: what views, commands and web are asked about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from processor import events as e
from processor.commands.drop import Drop
from processor.commands.hold import Hold
from processor.commands.operators import Operators
from processor.commands.pause import Pause
from processor.commands.release import Release
from processor.commands.resume import Resume
from processor.commands.retry import Retry
from processor.commands.switches import Switches
from processor.policy.mode import Mode, Modes
from processor.policy.policy import Policies, Policy
from processor.ports.dependencies import State
from processor.ports.log import Appended, Recorded, Sealed
from processor.ports.looks import Looks
from processor.ports.work import Summary
from processor.rules.history import fold_all
from processor.rules.slots import slot_of
from processor.testing.clock import JumpingClock
from processor.values.about import About
from processor.values.deadline import Deadline
from processor.values.effect import EffectClosing
from processor.values.evaluation import Comparison, GateResult, MetricRow, Training
from processor.values.look import LookState
from processor.values.people import People
from processor.values.principal import SLUICE, Principal, claimed
from processor.values.promotion import promotion_id_of
from processor.values.proposal import ProposalRef, ScalarEdit
from processor.values.registry import Dataset
from processor.values.slot import Repository, Slot
from processor.values.snapshot import Snapshot
from processor.values.version import Version
from processor.values.work import Stuck, Work, WorkState
from processor.views.as_of import FoldedViews
from processor.views.knowledge import Knowledge

ANA = Principal("ana", "authenticated")
BO = Principal("bo", "authenticated")
TINA = Principal("tina", "authenticated")
HEAD = "a" * 40
START = datetime(2026, 1, 1, tzinfo=UTC)


def policy(models: str = "*", **changes: Any) -> Policy:
    target = {
        "name": "production",
        "default": True,
        "slot": {"forge": "acme", "repository": "acme/gitops"},
        "edits": [
            {
                "file": "apps/{model}.yaml",
                "set": {"spec.uri": "{uri}", "metadata.labels.version": "{version}"},
            }
        ],
        "cluster": "prod",
        "approval": {"people": ["ana", "bo", "tina"], "merge": "sluice"},
    }
    gates = [{"metric": "accuracy", "better": "higher", "at_least": 0.9}]
    return Policy.model_validate(
        {"models": models, "gates": gates, "targets": [{**target, **changes}]}
    )


@dataclass(frozen=True)
class _Looking:
    """Looks."""

    looking: Mapping[str, LookState]

    def states(self) -> Mapping[str, LookState]:
        return self.looking


@dataclass
class World:
    """EventLog, WorkReader and Dependencies in one; `known` is what readers get."""

    policies: Policies = field(default_factory=lambda: Policies((policy(),)))
    clock: JumpingClock = field(default_factory=lambda: JumpingClock(START))
    mode: Mode = "full"
    happened: list[Recorded] = field(default_factory=list)
    turns: list[Work] = field(default_factory=list)
    down: dict[str, State] = field(default_factory=dict)
    closed: list[tuple[Repository, int, str, Principal, str]] = field(default_factory=list)
    appends: int = 0
    seal: Sealed | None = None
    looking: Mapping[str, LookState] = field(default_factory=dict)

    # --- the ports ------------------------------------------------------------------------

    async def append(
        self,
        events: Sequence[e.Event],
        *,
        snapshot: Snapshot | None = None,
        closings: Sequence[EffectClosing] = (),
        waiting: Deadline | None = None,
    ) -> Appended:
        del snapshot, closings, waiting
        self.appends += 1
        return Appended(tuple(self.tell(*events)), ())

    async def get(self, event_id: str) -> Recorded | None:
        return next((one for one in self.happened if one.event.head.id == event_id), None)

    async def present(self, ids: Sequence[str]) -> Sequence[Recorded]:
        return [one for one in self.happened if one.event.head.id in ids]

    async def lately(self, kind: type[e.Event], key: str, among: int) -> Sequence[Recorded]:
        about = [one for one in self.happened if one.event.head.key == key][-among:]
        return [one for one in about if isinstance(one.event, kind)]

    async def of_key(self, key: str, until: datetime | None = None) -> Sequence[Recorded]:
        return [
            one
            for one in self.happened
            if (one.event.head.key == key or one.event.head.key.startswith(f"{key}/"))
            and (until is None or one.at <= until)
        ]

    async def sealed(self, key: str) -> Sealed | None:
        del key
        return self.seal

    async def of_type(self, kind: type[e.Event], key: str) -> Sequence[Recorded]:
        return [one for one in await self.of_key(key) if isinstance(one.event, kind)]

    async def page(self, after: int, limit: int) -> Sequence[Recorded]:
        return self.happened[after : after + limit]

    async def summary(self) -> Summary:
        dead = tuple(row for row in self.turns if row.state == "dead")
        waiting = tuple(row for row in self.turns if row.state == "waiting")
        return Summary(
            events=len(self.happened),
            pos=len(self.happened),
            undispatched=0,
            work={"done": 3, **({"dead": len(dead)} if dead else {})},
            effects={},
            oldest_ready=None,
            dead=dead,
            waiting=waiting,
        )

    async def rows(self, state: WorkState) -> Sequence[Stuck]:
        return [await self.stuck_row(row) for row in reversed(self.turns) if row.state == state]

    async def stuck(self, model_key: str) -> Sequence[Stuck]:
        found = [await self.stuck_row(row) for row in reversed(self.turns)]
        return [
            one
            for one in found
            if one.model_key == model_key and one.work.state not in {"done", "running"}
        ]

    async def stuck_row(self, work: Work) -> Stuck:
        happened = await self.get(work.event_id)
        assert happened is not None
        head, kind = happened.event.head, happened.event
        model_key = head.key.rsplit("/", 1)[0] if kind.keyed_by_target else head.key
        return Stuck(work, kind.kind, head.subject, model_key)

    def report(self, name: str, problem: str = "", *, by: str = "") -> None:
        del by
        self.down[name] = State(problem, self.clock.now())

    def recovered(self) -> Sequence[str]:
        return ()

    def states(self) -> Mapping[str, State]:
        return self.down

    async def close(
        self, where: Repository, number: int, reason: str, by: Principal, cause: str
    ) -> None:
        self.closed.append((where, number, reason, by, cause))

    @property
    def views(self) -> FoldedViews:
        return FoldedViews(fold_all(self.happened))

    @property
    def looks(self) -> Looks:
        return _Looking(self.looking)

    @property
    def known(self) -> Knowledge:
        return Knowledge(
            views=Live(self),
            log=self,
            work=self,
            dependencies=self,
            looks=self.looks,
            policies=self.policies,
            people=People(
                names=frozenset({"ana", "bo", "tina"}),
                mlflow={"tina-ml": "tina"},
                git={"Ana A": "ana"},
            ),
            clock=self.clock,
            registry="main",
            workspaces=("default",),
            modes=Modes.written(self.mode),
        )

    # --- the story ------------------------------------------------------------------------

    def tell(self, *events: e.Event) -> list[str]:
        """Store events a minute apart; return the ids that were new."""
        new = []
        for event in events:
            if any(one.event.head.id == event.head.id for one in self.happened):
                continue
            pos = len(self.happened) + 1
            at = START + timedelta(minutes=pos)
            self.happened.append(Recorded(event, at, event.head.time or at, pos, "h"))
            new.append(event.head.id)
        return new

    def registered(self, model: str = "fraud", number: str = "1") -> Version:
        version = Version("main", "default", model, number, 1000 + int(number))
        head = e.VersionRegistered.heading(About.of(version), "created")
        self.tell(
            e.VersionRegistered(
                head=head, version=version, run_id=f"run{number}", stage="None", artifact="s3://m"
            )
        )
        return version

    def judged(
        self, version: Version, verdict: str = "passed", champion: Version | None = None
    ) -> e.Event:
        kind = {
            "passed": e.EvaluationPassed,
            "failed": e.EvaluationFailed,
            "inconclusive": e.EvaluationInconclusive,
        }[verdict]
        said = {"passed": "", "failed": "accuracy 0.85 is below 0.9"}.get(verdict, "not logged")
        event = kind(
            head=kind.heading(About.of(version), f"judge-{len(self.happened)}", actor=SLUICE),
            version=version,
            policy_digest="d",
            results=(
                GateResult("accuracy >= 0.9", "metric", verdict, said, (("accuracy", "0.95"),)),  # type: ignore[arg-type]
            ),
            comparison=Comparison(
                champion,
                (MetricRow("accuracy", "0.95", "0.91", "+0.04", "higher", ">= 0.9", "passed"),),
            ),
            training=Training(
                run_id=f"run{version.number}",
                trained_at=START,
                trainer=claimed("tina-ml"),
                metrics=(("accuracy", "0.95"), ("auc", "0.97")),
                datasets=(Dataset("digits", "abc123", "training"),),
            ),
        )
        self.tell(event)
        return event

    def slot(self, model: str) -> Slot:
        found = self.policies.ruling("default", model)
        assert found is not None
        return slot_of(found.targets[0], model)

    def requested(self, version: Version, by: Principal = SLUICE) -> str:
        head = e.PromotionRequested.heading(
            About.of(version, "production"), f"ask-{len(self.happened)}", actor=by
        )
        event = e.PromotionRequested(
            head=head, version=version, target="production", slot=self.slot(version.model)
        )
        self.tell(event)
        return promotion_id_of(head.id)

    def proposed(self, version: Version, by: Principal = SLUICE, head_sha: str = HEAD) -> str:
        promotion = self.requested(version, by)
        self._of(
            e.PromotionProposed,
            promotion,
            version,
            slot=self.slot(version.model),
            uri=f"s3://models/{version.number}",
            proposal=ProposalRef(7, "https://git/7", "sluice/x", head_sha, "b" * 40),
            edits=(
                ScalarEdit("a.yaml", "InferenceService/f", "spec.uri", "", f"s3://{version}"),
                ScalarEdit("a.yaml", "InferenceService/f", "labels.v", "0", version.number),
            ),
        )
        return promotion

    def pushed(self, promotion: str, version: Version, head_sha: str, *by: Principal) -> None:
        """Let people push to an open proposal."""
        self._of(
            e.PromotionUpdated,
            promotion,
            version,
            slot=self.slot(version.model),
            proposal=ProposalRef(7, "https://git/7", "sluice/x", head_sha, "b" * 40),
            committers=by,
            reason="pushed to",
        )

    def approved(self, version: Version, by: Principal = ANA) -> str:
        promotion = self.proposed(version)
        slot = self.slot(version.model)
        self._of(e.ApprovalGiven, promotion, version, actor=by, slot=slot, head_sha=HEAD)
        self._of(
            e.PromotionApproved,
            promotion,
            version,
            slot=slot,
            uri=f"s3://models/{version.number}",
            merge_sha="c" * 40,
            merged_by=SLUICE,
            approvals=(by,),
        )
        return promotion

    def serving(self, version: Version, *, approved: bool = True) -> str:
        promotion = self.approved(version)
        head = e.ServingChanged.heading(
            About.of(version, "production"), f"serve-{len(self.happened)}", actor=SLUICE
        )
        self.tell(
            e.ServingChanged(
                head=head,
                target="production",
                slot=self.slot(version.model),
                uri=f"s3://models/{version.number}",
                version=version,
                approved=approved,
                promotion_id=promotion if approved else None,
                endpoint="http://127.0.0.1:9/",
                prediction="[1]",
            )
        )
        return promotion

    def ended(self, kind: type[e.Event], promotion: str, version: Version, **data: Any) -> None:
        self._of(kind, promotion, version, **data)

    def row(self, state: str, handler: str, error: str, at_event: str = "") -> None:
        """Put a row of work at an event, the newest if none is named."""
        event = at_event or self.happened[-1].event.head.id
        at = max(self.clock.now(), self.happened[-1].at)
        self.turns.append(
            Work(
                id=len(self.turns) + 9,
                event_id=event,
                handler=handler,
                part="",
                lane="lane",
                place=1,
                state=state,  # type: ignore[arg-type]
                attempts=3,
                blamed=3,
                recorded_at=at,
                due_at=at,
                error=error,
            )
        )

    def _of(
        self,
        kind: type[e.Event],
        promotion: str,
        version: Version,
        actor: Principal = SLUICE,
        **data: Any,
    ) -> None:
        head = kind.heading(About.of(version, "production"), f"{len(self.happened)}", actor=actor)
        fields = {"promotion_id": promotion, "version": version, "target": "production", **data}
        self.tell(kind(head=head, **fields))


@dataclass(frozen=True)
class Live:
    """Views that always show the newest state of a world."""

    world: World

    async def get(self, kind: type[Any], key: str) -> Any:
        return await self.world.views.get(kind, key)

    async def find(
        self,
        kind: type[Any],
        *,
        model: str | None = None,
        slot: str | None = None,
        state: str | None = None,
    ) -> Any:
        return await self.world.views.find(kind, model=model, slot=slot, state=state)

    async def models(self, state: str | None = None) -> Any:
        return await self.world.views.models(state)


@dataclass(frozen=True)
class Dead:
    """DeadRows over a world."""

    world: World

    async def get(self, work_id: int) -> Stuck | None:
        found = [row for row in self.world.turns if row.id == work_id]
        return await self.world.stuck_row(found[0]) if found else None

    async def retry(self, work_id: int, told: e.WorkRetried) -> None:
        self._now(work_id, "ready", told)

    async def drop(self, work_id: int, told: e.WorkDropped) -> None:
        self._now(work_id, "dropped", told)

    def _now(self, work_id: int, state: WorkState, told: e.Event) -> None:
        self.world.turns = [
            replace(row, state=state) if row.id == work_id else row for row in self.world.turns
        ]
        self.world.tell(told)


def switches_in(world: World) -> Switches:
    known, operators = world.known, Operators(world.known.people)
    return Switches(
        pause=Pause(log=world, operators=operators, registry="main"),
        resume=Resume(log=world, views=known.views, operators=operators, registry="main"),
        hold=Hold(log=world, clock=world.clock, policies=world.policies, operators=operators),
        release=Release(log=world, views=known.views, operators=operators),
        retry=Retry(log=world, rows=Dead(world), operators=operators, registry="main"),
        drop=Drop(log=world, rows=Dead(world), operators=operators, registry="main"),
    )
