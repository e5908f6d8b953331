from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from processor.adapters.ledgers.ledger import Ledger
from processor.errors import Terminal
from processor.events import (
    Event,
    PromotionApproved,
    PromotionProposed,
    PromotionRequested,
    RolloutFailed,
    RolloutStarted,
    RolloutSucceeded,
    ServingChanged,
    VersionRegistered,
)
from processor.policy.gates import MetricGate
from processor.policy.policy import Policies, Policy
from processor.policy.targets import After, Edit, RolloutRule, SlotWritten, Target
from processor.rules.slots import slot_of, workload_of
from processor.sources.deadlines import DeadlinesSource
from processor.sources.rollouts import RolloutsSource
from processor.sources.ruled import Ruled
from processor.testing.clock import JumpingClock
from processor.testing.cluster import MemoryCluster
from processor.values.about import About
from processor.values.principal import SLUICE, claimed
from processor.values.promotion import Promotion, promotion_id_of
from processor.values.proposal import ProposalRef
from processor.values.serving import Observation, Serving, Soak, Workload
from processor.values.version import Version

SHA = "a" * 40


def target(name: str, cluster: str) -> Target:
    return Target(
        name=name,
        cluster=cluster,
        slot=SlotWritten(forge="local", repository="gitops"),
        edits=(Edit(file=f"apps/{name}/{{model}}.yaml", set={"spec.uri": "{uri}"}),),
        rollout=RolloutRule(deadline=timedelta(minutes=3), stable=timedelta(seconds=2)),
    )


STAGING, PRODUCTION = target("staging", "near"), target("production", "far")
POLICY = Policy(
    models="*",
    gates=(MetricGate(metric="accuracy", better="higher", at_least=Decimal("0.9")),),
    targets=(STAGING, PRODUCTION),
)


@dataclass
class Bench:
    ledger: Ledger
    clock: JumpingClock
    near: MemoryCluster
    far: MemoryCluster
    source: RolloutsSource

    async def register(self, model: str, number: int = 1) -> Version:
        version = Version("main", "default", model, str(number), number)
        head = VersionRegistered.heading(About.of(version), "x")
        await self.ledger.log.append(
            [VersionRegistered(head=head, version=version, run_id="r", stage="None", artifact="a")]
        )
        return version

    async def approve(
        self, version: Version, where: Target = PRODUCTION, due: datetime | None = None
    ) -> Promotion:
        about, slot = About.of(version, where.name), slot_of(where, version.model)
        request = PromotionRequested(
            head=PromotionRequested.heading(about, "x", actor=SLUICE),
            version=version,
            target=where.name,
            slot=slot,
        )
        uri = f"file:///{version.model}/{version.number}"
        same = {
            "promotion_id": promotion_id_of(request.head.id),
            "version": version,
            "target": where.name,
            "slot": slot,
            "uri": uri,
        }
        await self.ledger.log.append([request])
        for event in (
            PromotionProposed.model_validate(
                {
                    "head": PromotionProposed.heading(about, "x"),
                    "proposal": ProposalRef(1, "u", "b", SHA, SHA),
                    **same,
                }
            ),
            PromotionApproved.model_validate(
                {
                    "head": PromotionApproved.heading(about, "x"),
                    "merge_sha": SHA,
                    "merged_by": SLUICE,
                    "approvals": (claimed("ana"),),
                    "rollout_due": due,
                    **same,
                }
            ),
        ):
            await self.ledger.log.append([event])
        found = await self.ledger.views.get(Promotion, promotion_id_of(request.head.id))
        assert found is not None
        return found

    async def look(self, after: float = 0) -> list[Event]:
        await self.clock.jump(after)
        before = {event.head.id for event in await self.events()}
        await self.source.look()
        return [event for event in await self.events() if event.head.id not in before]

    async def events(self) -> list[Event]:
        models = {"fraud", "other", "<b>"}
        keys = {About("main", "default", model).key for model in models}
        return [one.event for key in sorted(keys) for one in await self.ledger.log.of_key(key)]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    clock = JumpingClock()
    ledger = await Ledger.open(tmp_path / "sluice.db", "main", clock)
    near, far = MemoryCluster(name="near"), MemoryCluster(name="far")
    source = RolloutsSource(
        registry_id="main",
        clusters={"near": near, "far": far},
        policies=Ruled(Policies((POLICY,))),
        log=ledger.log,
        snapshots=ledger.snapshots,
        views=ledger.views,
        clock=clock,
        incarnation="1",
    )
    yield Bench(ledger, clock, near, far, source)
    await ledger.close()


async def test_from_merged_to_serving(bench: Bench) -> None:
    version = await bench.register("fraud")
    assert await bench.look() == []
    promotion = await bench.approve(version)
    workload = workload_of(PRODUCTION, "fraud")
    bench.far.apply(workload, promotion.uri)
    (started,) = await bench.look(1)
    assert isinstance(started, RolloutStarted)
    assert started.head.cause == promotion.request_id
    bench.far.serve(workload)
    assert await bench.look(1) == []
    changed, succeeded = await bench.look(2)
    assert isinstance(changed, ServingChanged)
    assert isinstance(succeeded, RolloutSucceeded)
    assert (changed.approved, changed.version, changed.promotion_id) == (
        True,
        version,
        promotion.id,
    )
    assert changed.head.key == "main/default/fraud/production"
    assert succeeded.prediction == '{"predictions": [1]}'
    serving = await bench.ledger.views.get(Serving, promotion.slot.key)
    assert serving is not None
    assert serving.version == version
    now = await bench.ledger.views.get(Promotion, promotion.id)
    assert now is not None
    assert now.state == "serving"
    assert await bench.look(60) == []


async def test_one_cluster_down_hides_only_its_own(bench: Bench) -> None:
    version = await bench.register("fraud")
    promotion = await bench.approve(version, STAGING)
    bench.near.apply(workload_of(STAGING, "fraud"), promotion.uri)
    bench.far.down = "connection refused"
    assert await bench.source.look() == {
        "cluster near": "",
        "cluster far": "cluster far: connection refused",
    }
    assert any(isinstance(event, RolloutStarted) for event in await bench.events())


async def test_an_outage_of_the_cluster_changes_nothing(bench: Bench) -> None:
    version = await bench.register("fraud")
    promotion = await bench.approve(version)
    bench.far.apply(workload_of(PRODUCTION, "fraud"), promotion.uri)
    bench.far.serve(workload_of(PRODUCTION, "fraud"))
    await bench.look()
    await bench.look(2)
    bench.far.down = "connection refused"
    assert await bench.look(600) == []
    bench.far.down = ""
    assert await bench.look(1) == []


async def test_the_same_look_by_two_processes_is_said_once(bench: Bench) -> None:
    version = await bench.register("fraud")
    promotion = await bench.approve(version)
    bench.far.apply(workload_of(PRODUCTION, "fraud"), promotion.uri)
    read = bench.far.observe
    again = True

    async def observed(workload: object) -> object:
        nonlocal again
        if again:  # another one looks and appends while our request is under way
            again = False
            await bench.source.look()
        return await read(workload)  # type: ignore[arg-type]

    bench.far.observe = observed  # type: ignore[method-assign,assignment]
    assert [type(event) for event in await bench.look(1)] == [RolloutStarted]


async def test_any_name_of_a_model(bench: Bench) -> None:
    version = await bench.register("<b>")
    promotion = await bench.approve(version)
    bench.far.apply(workload_of(PRODUCTION, "<b>"), promotion.uri)
    bench.far.serve(workload_of(PRODUCTION, "<b>"))
    await bench.look()
    said = await bench.look(2)
    assert [type(event) for event in said] == [ServingChanged, RolloutSucceeded]


async def test_what_did_not_change_is_not_written_again(bench: Bench) -> None:
    version = await bench.register("fraud")
    promotion = await bench.approve(version)
    subject = f"rollout:{promotion.slot.key}"
    await bench.look()
    revision = (await bench.ledger.snapshots.get(subject)).revision
    for _ in range(5):
        await bench.look(1)
    assert (await bench.ledger.snapshots.get(subject)).revision == revision


async def test_a_cluster_nobody_configured_is_named(bench: Bench) -> None:
    await bench.register("fraud")
    source = replace(bench.source, clusters={"near": bench.near})
    found = await source.look()
    assert found["cluster far"] == "cluster far: is not among the configured clusters"


async def test_clusters_are_named_one_by_one_and_those_nobody_asked_not_at_all(
    bench: Bench,
) -> None:
    assert await bench.source.look() == {}, "no model, so nobody was asked"
    await bench.register("fraud")
    bench.near.down, bench.far.down = "no route", "connection refused"
    assert await bench.source.look() == {
        "cluster near": "cluster near: no route",
        "cluster far": "cluster far: connection refused",
    }


async def test_two_policies_that_tie_hide_only_their_model_and_are_told_once(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    for model in ("fraud-model", "fraud"):
        await bench.register(model)
    written = [POLICY.model_copy(update={"models": name}) for name in ("fraud-*", "*-model", "*")]
    source = replace(bench.source, policies=Ruled(Policies(tuple(written))))
    for _ in range(3):
        assert set(await source.look()) == {"cluster near", "cluster far"}
    assert bench.far.looks == 3, "one workload a look: fraud's"
    said = capsys.readouterr()
    assert (said.out + said.err).count("ruled by both") == 1


async def test_one_workload_that_cannot_be_read_does_not_hide_the_next(bench: Bench) -> None:
    for model in ("fraud", "other"):
        await bench.register(model)
    read = bench.far.observe

    async def observed(workload: Workload) -> Observation:
        if workload.name == "fraud":
            raise Terminal("forbidden")
        return await read(workload)

    bench.far.observe = observed  # type: ignore[method-assign]
    found = await bench.source.look()
    assert found["cluster far"] == "cluster far: fraud at production cannot be looked at: forbidden"
    assert bench.far.looks == 1


async def test_a_rollout_fails_once_its_deadline_was_told_and_not_by_the_clock_alone(
    bench: Bench,
) -> None:
    version = await bench.register("fraud")
    due = bench.clock.now() + timedelta(minutes=3)
    promotion = await bench.approve(version, due=due)
    bench.far.apply(workload_of(PRODUCTION, "fraud"), promotion.uri)
    assert [type(event) for event in await bench.look(1)] == [RolloutStarted]
    assert await bench.look(3600) == [], "sources/deadlines alone tells the time"
    clock = DeadlinesSource(views=bench.ledger.views, log=bench.ledger.log, clock=bench.clock)
    await clock.look()
    (failed,) = await bench.look(1)
    assert isinstance(failed, RolloutFailed)
    assert failed.reason.startswith("not serving 3m after its merge: ")
    assert await bench.look(60) == []
    await clock.look()
    assert await bench.look(60) == []


async def test_a_merge_told_before_it_had_a_deadline_gets_the_usual_one(bench: Bench) -> None:
    version = await bench.register("fraud")
    await bench.approve(version)
    clock = DeadlinesSource(views=bench.ledger.views, log=bench.ledger.log, clock=bench.clock)
    assert await clock.until_next() == 20 * 60


async def test_what_serves_in_time_is_never_called_failed(bench: Bench) -> None:
    version = await bench.register("fraud")
    promotion = await bench.approve(version, due=bench.clock.now() + timedelta(minutes=3))
    bench.far.apply(workload_of(PRODUCTION, "fraud"), promotion.uri)
    bench.far.serve(workload_of(PRODUCTION, "fraud"))
    await bench.look()
    assert [type(event) for event in await bench.look(2)] == [ServingChanged, RolloutSucceeded]
    await bench.clock.jump(3600)
    clock = DeadlinesSource(views=bench.ledger.views, log=bench.ledger.log, clock=bench.clock)
    assert await clock.until_next() == float("inf"), "its success lifted it"
    await clock.look()
    assert await bench.look() == []


async def test_what_serves_says_how_long_until_the_next_target(bench: Bench) -> None:
    after = After(target="staging", soak=timedelta(hours=4))
    later = POLICY.model_copy(
        update={"targets": (STAGING, PRODUCTION.model_copy(update={"after": after}))}
    )
    source = replace(bench.source, policies=Ruled(Policies((later,))))
    bench.source = source
    version = await bench.register("fraud")
    promotion = await bench.approve(version, STAGING)
    workload = workload_of(STAGING, "fraud")
    bench.near.apply(workload, promotion.uri)
    bench.near.serve(workload)
    await bench.look()
    changed, _ = await bench.look(2)
    assert isinstance(changed, ServingChanged)
    ends = bench.clock.now() + timedelta(hours=4)
    assert changed.soaks == (Soak("production", ends),)
    bench.near.apply(workload, "file:///somebody/else")
    bench.near.serve(workload)
    await bench.look(1)
    strange = next(event for event in await bench.look(2) if isinstance(event, ServingChanged))
    assert strange.soaks == (Soak("production", None),), "what is not approved goes nowhere"
