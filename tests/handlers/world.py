"""A real ledger and real effects doors over a registry and a forge in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from processor import events as e
from processor.adapters.ledgers import Ledger
from processor.engine.effects.announcements import AnnouncementDoor
from processor.engine.effects.door import Door
from processor.engine.effects.proposals import ProposalDoor
from processor.engine.effects.registry import RegistryDoor
from processor.policy.mode import Mode, Modes
from processor.policy.policy import Policies, Policy
from processor.routes import Needs, routes
from processor.rules.slots import slot_of
from processor.testing.clock import JumpingClock
from processor.testing.evaluator import MemoryEvaluator
from processor.testing.forge import MemoryForge
from processor.testing.registry import MemoryRegistry
from processor.values.about import About
from processor.values.evaluation import Comparison, GateResult, Training, Verdict
from processor.values.people import People
from processor.values.principal import SLUICE, UNKNOWN, Principal, claimed
from processor.values.promotion import Promotion, promotion_id_of
from processor.values.proposal import CommitStatus, Proposal
from processor.values.record import VersionRecord
from processor.values.slot import Repository
from processor.values.version import Version
from tests.make import a_policy

WHERE = Repository("local", "acme/gitops", "main")
FILE = "apps/production/fraud.yaml"
MANIFEST = b"""\
# whoever runs fraud: #team-fraud
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: fraud
  labels: {team: "fraud", tier: gold}
  annotations:
    trained-by: nobody    # a run
spec:
  predictor:
    model:
      modelFormat: {name: mlflow}
      storageUri: "s3://models/none"
      resources: &small {cpu: 1}
"""
ANA, BEN, EVE = (Principal(name, "authenticated") for name in ("ana", "ben", "eve"))


def a_target(name: str, **changes: Any) -> dict[str, Any]:
    """Return a target as a team writes it, in a file of its own."""
    return {
        "name": name,
        "slot": {"forge": "local", "repository": "acme/gitops"},
        "edits": [
            {
                "file": f"apps/{name}/{{model}}.yaml",
                "set": {"spec.predictor.model.storageUri": "{uri}"},
            }
        ],
        "cluster": "local",
        "approval": {"people": ["ana", "ben"], "merge": "sluice"},
        **changes,
    }


@dataclass
class Channel:
    """An endpoint that keeps what it is told."""

    told: list[tuple[str, str]] = field(default_factory=list)

    async def tell(self, effect_key: str, text: str) -> None:
        self.told.append((effect_key, text))


@dataclass(kw_only=True)
class World:
    ledger: Ledger
    clock: JumpingClock
    registry: MemoryRegistry
    forge: MemoryForge
    policies: Policies
    mode: Mode = "full"
    channel: Channel = field(default_factory=Channel)
    evaluator: MemoryEvaluator = field(default_factory=MemoryEvaluator)
    said: int = 0

    @classmethod
    async def open(cls, folder: Path) -> "World":
        clock = JumpingClock()
        forge = MemoryForge("local", clock.now)
        forge.create_repository(WHERE, {FILE: MANIFEST, "README.md": b"by hand\n"})
        return cls(
            ledger=await Ledger.open(folder / "sluice.db", "main", clock),
            clock=clock,
            registry=MemoryRegistry(registry_id="main", clock=clock),
            forge=forge,
            policies=Policies((a_policy(),)),
        )

    def rule(self, *given: Policy) -> None:
        self.policies = Policies(given)

    @property
    def needs(self) -> Needs:
        door = Door(
            effects=self.ledger.effects,
            views=self.ledger.views,
            clock=self.clock,
            modes=Modes.written(self.mode),
        )
        return Needs(
            registry=self.registry,
            forges={"local": self.forge},
            views=self.ledger.views,
            policies=self.policies,
            people=People(
                names=frozenset({"ana", "ben"}), mlflow={"ana-ml": "ana"}, git={"Ben B": "ben"}
            ),
            clock=self.clock,
            evaluator=self.evaluator,
            registry_effects=RegistryDoor(
                registry_id="main", door=door, reader=self.registry, writer=self.registry
            ),
            proposal_effects=ProposalDoor(
                door=door,
                readers={"local": self.forge},
                writers={"local": self.forge},
                quiet={"local": 60.0},
            ),
            announcements=AnnouncementDoor(door=door, endpoints={"log": self.channel}),
            notify={"log": ["*"]},
            browser_url="https://mlflow.example.com",
        )

    # --- what happens -----------------------------------------------------------------------

    async def tell(self, *events: e.Event) -> None:
        """Let the ledger have events, a second apart."""
        for event in events:
            await self.ledger.log.append([event])
            await self.clock.jump(1)

    async def ask(self, name: str, event: e.Event) -> Sequence[e.Event]:
        """Give an event to a handler, as the worker would, and keep nothing of what it says."""
        [route] = [one for one in routes(self.needs) if (one.name, one.kind) == (name, type(event))]
        assert route.lane(event) is not None
        said: Sequence[e.Event] = await route.handler(event)
        return said

    async def react(self, name: str, event: e.Event) -> Sequence[e.Event]:
        """Give an event to a handler and let the ledger have what it says."""
        said = await self.ask(name, event)
        await self.tell(*said)
        return said

    def head(self, kind: type[e.Event], about: About, by: Principal = SLUICE) -> e.Head:
        self.said += 1
        return kind.heading(about, str(self.said), actor=by)

    async def registered(
        self, model: str = "fraud", run: str = "run-1", **metrics: str
    ) -> tuple[Version, e.VersionRegistered]:
        """Let a run end and its version appear."""
        self.registry.finish_run(
            "default", run, metrics=metrics or {"accuracy": "0.95"}, user="tina"
        )
        return await self.seen(model, run)

    async def seen(self, model: str, run: str) -> tuple[Version, e.VersionRegistered]:
        """Let a version of a run appear."""
        row = self.registry.register("default", model, run)
        kind = e.VersionRegistered
        event = kind(
            head=kind.heading(About.of(row.version), str(row.version.created_ms)),
            version=row.version,
            run_id=run,
            stage="None",
            artifact=row.source,
        )
        await self.tell(event)
        return row.version, event

    async def deleted(self, version: Version) -> e.VersionDeleted:
        self.registry.delete_version("default", version.model, version.number)
        kind = e.VersionDeleted
        event = kind(head=self.head(kind, About.of(version), UNKNOWN), version=version)
        await self.tell(event)
        return event

    async def judged(
        self,
        version: Version,
        verdict: Verdict = "passed",
        champion: Version | None = None,
        trainer: str = "tina",
    ) -> e.Judged:
        kinds: dict[Verdict, type[e.Judged]] = {
            "passed": e.EvaluationPassed,
            "failed": e.EvaluationFailed,
            "inconclusive": e.EvaluationInconclusive,
        }
        kind = kinds[verdict]
        why = "" if verdict == "passed" else "accuracy is 0.5, wanted at least 0.9"
        event = kind(
            head=self.head(kind, About.of(version)),
            version=version,
            policy_digest="d",
            results=(GateResult("accuracy >= 0.9", "metric", verdict, why),),
            comparison=Comparison(champion, ()),
            training=Training(f"run-{version.number}", None, claimed(trainer), (), ()),
        )
        await self.tell(event)
        return event

    async def requested(
        self,
        version: Version,
        target: str = "production",
        by: Principal = SLUICE,
        *,
        restores: bool = False,
    ) -> e.PromotionRequested:
        policy = self.policies.ruling("default", version.model)
        found = policy.target(target) if policy else None
        assert found is not None
        kind = e.PromotionRequested
        event = kind(
            head=self.head(kind, About.of(version, target), by),
            version=version,
            target=target,
            slot=slot_of(found, version.model),
            restores=restores,
        )
        await self.tell(event)
        return event

    async def proposed(
        self, version: Version, target: str = "production", by: Principal = SLUICE, **more: Any
    ) -> e.PromotionProposed:
        """Request a promotion and let it be proposed; return that."""
        request = await self.requested(version, target, by, **more)
        said = await self.react("propose", request)
        [event] = [one for one in said if isinstance(one, e.PromotionProposed)]
        return event

    async def approval(
        self, proposed: e.PromotionProposed, by: Principal, head_sha: str = ""
    ) -> e.ApprovalGiven:
        kind = e.ApprovalGiven
        event = kind(
            head=self.head(kind, About.of(proposed.version, proposed.target), by),
            promotion_id=proposed.promotion_id,
            version=proposed.version,
            target=proposed.target,
            slot=proposed.slot,
            head_sha=head_sha or proposed.proposal.head_sha,
        )
        await self.tell(event)
        return event

    async def of(self, kind: type[e.Event], proposed: e.PromotionProposed, **data: Any) -> Any:
        """Let something happen to a promotion."""
        fields = {
            "promotion_id": proposed.promotion_id,
            "version": proposed.version,
            "target": proposed.target,
        }
        event = kind.model_validate(
            {
                "head": self.head(kind, About.of(proposed.version, proposed.target)),
                **fields,
                **data,
            }
        )
        await self.tell(event)
        return event

    async def merged(self, proposed: e.PromotionProposed) -> e.PromotionApproved:
        event: e.PromotionApproved = await self.of(
            e.PromotionApproved,
            proposed,
            slot=proposed.slot,
            uri=proposed.uri,
            merge_sha="c" * 40,
            merged_by=SLUICE,
            approvals=(ANA,),
        )
        return event

    async def serves(
        self,
        version: Version | None,
        target: str = "production",
        model: str = "fraud",
        *,
        approved: bool = True,
    ) -> e.ServingChanged:
        policy = self.policies.ruling("default", model)
        found = policy.target(target) if policy else None
        assert found is not None
        kind = e.ServingChanged
        about = About("main", "default", model, target=target)
        event = kind(
            head=self.head(kind, about, UNKNOWN),
            target=target,
            slot=slot_of(found, model),
            uri=f"s3://models/{version.number}" if version else None,
            version=version,
            approved=approved,
        )
        await self.tell(event)
        return event

    # --- what is there now --------------------------------------------------------------------

    async def promotion(self, of: e.PromotionRequested | e.PromotionProposed) -> Promotion:
        key = (
            of.promotion_id if isinstance(of, e.PromotionProposed) else promotion_id_of(of.head.id)
        )
        row = await self.ledger.views.get(Promotion, key)
        assert row is not None
        return row

    async def record(self, version: Version) -> VersionRecord:
        row = await self.ledger.views.get(VersionRecord, version.path)
        assert row is not None
        return row

    async def pull(self, proposed: e.PromotionProposed) -> Proposal:
        return await self.forge.get(WHERE, proposed.proposal.number)

    async def status(self, sha: str) -> CommitStatus:
        [status] = await self.forge.statuses(WHERE, sha)
        return status

    async def main(self, file: str = FILE) -> bytes | None:
        return await self.forge.read(WHERE, await self.forge.head(WHERE), file)

    @property
    def our_writes(self) -> list[str]:
        return [write for write, _ in self.forge.writes]

    @property
    def our_marks(self) -> list[tuple[str, str]]:
        return [(one.field, one.value) for one in self.registry.wrote if one.by == "sluice"]
