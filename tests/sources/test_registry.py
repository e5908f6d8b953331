"""What the registry source says, and whose doing it calls it."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.errors import SluiceError, Terminal, Unavailable
from processor.events import (
    AliasRemoved,
    AliasSet,
    DriftFound,
    Event,
    ModelCreated,
    ModelDeleted,
    VersionDeleted,
    VersionObserved,
    VersionRegistered,
    VersionStageChanged,
)
from processor.ports.log import Appended, Recorded
from processor.sources.registry import RegistrySource
from processor.testing.clock import JumpingClock
from processor.testing.registry import MemoryRegistry
from processor.values.effect import Effect, EffectClosing
from processor.values.principal import SLUICE, UNKNOWN
from processor.values.registry import VersionPage, VersionSeen
from processor.values.snapshot import Snapshot
from processor.values.version import key_of

WS = "default"
STAGES = ("None", "Staging", "Production", "Archived")


@dataclass
class RecordingLedger:
    """EventLog and Snapshots as small as the source needs them."""

    events: list[Event] = field(default_factory=list)
    rows: dict[str, Snapshot] = field(default_factory=dict)
    effects: dict[str, Effect] = field(default_factory=dict)
    appends: int = 0

    async def append(
        self,
        events: Sequence[Event],
        *,
        snapshot: Snapshot | None = None,
        closings: Sequence[EffectClosing] = (),
    ) -> Appended:
        self.appends += 1
        if snapshot is not None:
            stored = await self.get_snapshot(snapshot.subject)
            if stored.revision != snapshot.revision:
                return Appended((), (snapshot.subject,))
            self.rows[snapshot.subject] = replace(snapshot, revision=snapshot.revision + 1)
        known = {event.head.id for event in self.events}
        new = [event for event in events if event.head.id not in known]
        self.events += new
        for closing in closings:
            effect = self.effects[closing.key]
            if effect.closed is None:
                self.effects[closing.key] = replace(effect, closed=closing.closing)
        return Appended(tuple(event.head.id for event in new), ())

    async def get_snapshot(self, subject: str) -> Snapshot:
        return self.rows.get(subject, Snapshot(subject, 0, None))

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    async def get(self, event_id: str) -> Recorded | None:
        raise NotImplementedError

    async def present(self, ids: Sequence[str]) -> Sequence[Recorded]:
        raise NotImplementedError

    async def lately(self, kind: type[Event], key: str, among: int) -> Sequence[Recorded]:
        raise NotImplementedError

    async def of_key(self, key: str, until: datetime | None = None) -> Sequence[Recorded]:
        raise NotImplementedError

    async def of_type(self, kind: type[Event], key: str) -> Sequence[Recorded]:
        raise NotImplementedError

    async def page(self, after: int, limit: int) -> Sequence[Recorded]:
        raise NotImplementedError


@dataclass
class RecordedSnapshots:
    ledger: RecordingLedger

    async def load(self, prefix: str) -> Mapping[str, Snapshot]:
        rows = self.ledger.rows
        return {subject: row for subject, row in rows.items() if subject.startswith(prefix)}

    async def get(self, subject: str) -> Snapshot:
        return await self.ledger.get_snapshot(subject)

    async def open_effects(self, prefix: str) -> Sequence[Effect]:
        return [
            effect
            for effect in self.ledger.effects.values()
            if effect.subject.startswith(prefix) and effect.closed is None
        ]


@dataclass(frozen=True)
class Odd:
    """A registry that answers as another one does, but for what a test replaces."""

    real: MemoryRegistry

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


@dataclass
class World:
    clock: JumpingClock = field(default_factory=JumpingClock)
    ledger: RecordingLedger = field(default_factory=RecordingLedger)

    def __post_init__(self) -> None:
        self.registry = MemoryRegistry(registry_id="main", clock=self.clock)
        self.source = self.another()

    def another(self, **changed: object) -> RegistrySource:
        """A source as a restarted process would build it."""
        parts: dict[str, object] = {
            "registry_id": "main",
            "workspaces": (WS,),
            "reader": self.registry,
            "log": self.ledger,
            "snapshots": RecordedSnapshots(self.ledger),
            "clock": self.clock,
            "incarnation": "0001",
            **changed,
        }
        return RegistrySource(**parts)  # type: ignore[arg-type]

    async def begun(self, model: str = "fraud") -> VersionSeen:
        """A registry with one version, read once."""
        row = self.registry.register(WS, model, "run-0")
        await self.clock.jump(10)
        await self.source.reconcile()
        await self.source.look_models()
        await self.clock.jump(10)
        return row

    def opens(self, name: str, subject: str, new: str, key: str) -> Effect:
        """An effect as the door records it before it sends."""
        now = self.clock.now()
        effect = Effect(
            key=key,
            kind="registry.mark",
            subject=subject,
            field=name,
            new=new,
            digest="",
            cause=f"cause-of-{key}",
            state="sending",
            attempt=1,
            sent_at=now,
            quiet_until=now + timedelta(seconds=30),
        )
        self.ledger.effects[key] = effect
        return effect

    def answers(self, key: str, result: str = '""') -> None:
        self.ledger.effects[key] = replace(
            self.ledger.effects[key], state="done", answered_at=self.clock.now(), result=result
        )

    def gets_no_answer(self, key: str) -> None:
        until = self.clock.now() + timedelta(seconds=30)
        effect = self.ledger.effects[key]
        self.ledger.effects[key] = replace(effect, state="ambiguous", quiet_until=until)

    def closed(self, key: str) -> str | None:
        return self.ledger.effects[key].closed

    async def writes_stage(self, row: VersionSeen, stage: str, key: str) -> None:
        """Our write of a stage, answered at once."""
        self.opens("stage", f"registry:{row.version.path}", stage, key)
        await self.clock.jump(1)
        version = row.version
        await self.registry.set_stage(WS, version.model, version.number, stage)
        await self.clock.jump(1)
        self.answers(key)
        await self.clock.jump(1)


async def test_what_was_there_before_is_observed_and_what_comes_later_is_registered() -> None:
    world = World()
    await world.begun()
    world.registry.register(WS, "fraud", "run-1")
    await world.source.look_changes()
    assert [event.head.subject.split("/")[-1][0] for event in world.ledger.events] == ["1", "2"]
    assert [type(event) for event in world.ledger.events] == [VersionObserved, VersionRegistered]
    assert all(event.head.actor == UNKNOWN for event in world.ledger.events)


async def test_the_baseline_keeps_its_start_over_a_restart_in_its_middle() -> None:
    world = World()
    world.registry.register(WS, "fraud", "run-0")
    await world.clock.jump(5)
    world.registry.down = True
    with pytest.raises(Unavailable):
        await world.source.look_changes()
    world.registry.down = False
    await world.clock.jump(5)
    world.registry.register(WS, "fraud", "run-1")
    await world.another().look_changes()
    assert [type(event) for event in world.ledger.events] == [VersionObserved, VersionRegistered]


async def test_a_stage_somebody_moved_is_told_once_with_the_registrys_time() -> None:
    world = World()
    await world.begun()
    world.registry.put_stage(WS, "fraud", "1", "Staging")
    await world.source.look_changes()
    await world.source.look_changes()
    await world.source.reconcile()
    (event,) = world.ledger.of(VersionStageChanged)
    assert isinstance(event, VersionStageChanged)
    assert (event.old, event.new, event.head.actor) == ("None", "Staging", UNKNOWN)
    row = await world.registry.version(WS, "fraud", "1")
    assert row is not None
    assert event.head.time is not None
    assert event.head.time.timestamp() * 1000 == row.updated_ms


async def test_nothing_is_appended_when_nothing_changed() -> None:
    world = World()
    await world.begun()
    await world.source.look_changes()
    before = world.ledger.appends
    for look in (world.source.look_changes, world.source.look_models, world.source.reconcile):
        await look()
    assert world.ledger.appends == before


async def test_an_alias_going_there_and_back_is_three_facts() -> None:
    world = World()
    await world.begun()
    world.registry.register(WS, "fraud", "run-1")
    for number in ("1", "2", "1"):
        world.registry.put_alias(WS, "fraud", "champion", number)
        world.registry.put_alias(WS, "fraud", "other", number)
        await world.source.look_models()
    told = world.ledger.of(AliasSet)
    assert len({event.head.id for event in told}) == 6
    world.registry.put_alias(WS, "fraud", "champion", "")
    await world.source.look_models()
    (removed,) = world.ledger.of(AliasRemoved)
    assert isinstance(removed, AliasRemoved)
    assert (removed.alias, removed.previous) == ("champion", "1")


async def test_aliases_of_a_deleted_model_are_removed() -> None:
    world = World()
    await world.begun()
    world.registry.put_alias(WS, "fraud", "champion", "1")
    await world.source.look_models()
    world.registry.delete_model(WS, "fraud")
    await world.source.look_models()
    await world.source.look_models()
    assert len(world.ledger.of(AliasRemoved)) == 1


async def test_a_version_missing_from_a_listing_is_deleted_only_when_a_read_confirms_it() -> None:
    world = World()
    await world.begun()
    kept = world.registry.register(WS, "fraud", "run-1")
    await world.source.look_changes()

    class Skipping(Odd):
        """A page skipped a row."""

        async def page(self, workspace: str, after: str) -> VersionPage:
            page = await self.real.page(workspace, after)
            return replace(page, rows=[row for row in page.rows if row.version != kept.version])

    world.registry.delete_version(WS, "fraud", "1")
    source = world.another(reader=Skipping(world.registry))
    await source.reconcile()
    await source.reconcile()
    (event,) = world.ledger.of(VersionDeleted)
    assert isinstance(event, VersionDeleted)
    assert event.version.number == "1"


async def test_a_write_of_ours_between_a_listing_and_the_read_that_confirms_it_is_ours() -> None:
    world = World()
    row = await world.begun()

    class Skipping(Odd):
        """A page skipped the row, and our request went out before it was read alone."""

        async def page(self, *_: object) -> VersionPage:
            return VersionPage((), "")

        async def version(self, workspace: str, model: str, number: str) -> VersionSeen | None:
            world.opens("stage", f"registry:{row.version.path}", "Staging", "e1")
            await world.registry.set_stage(workspace, model, number, "Staging")
            return await world.registry.version(workspace, model, number)

    await world.another(reader=Skipping(world.registry)).reconcile()
    (event,) = world.ledger.of(VersionStageChanged)
    assert (event.head.actor, event.head.cause) == (SLUICE, "cause-of-e1")


async def test_a_model_made_again_is_another_version_and_the_old_one_is_deleted() -> None:
    world = World()
    old = await world.begun()
    world.registry.delete_model(WS, "fraud")
    new = world.registry.register(WS, "fraud", "run-9")
    assert old.version.number == new.version.number
    await world.source.look_changes()
    await world.source.reconcile()
    assert [type(event) for event in world.ledger.events] == [
        VersionObserved,
        VersionDeleted,
        ModelDeleted,
        ModelCreated,
        VersionRegistered,
    ]


async def test_an_older_answer_is_ignored_until_two_full_readings_agree() -> None:
    world = World()
    row = await world.begun()
    world.registry.put_stage(WS, "fraud", "1", "Staging")
    await world.source.look_changes()
    found = world.registry._models[WS, "fraud"]
    found.versions["1"] = row  # a restored backup, or a replica that is behind
    await world.source.look_changes()
    await world.source.reconcile()
    assert len(world.ledger.of(VersionStageChanged)) == 1
    await world.source.reconcile()
    assert [getattr(event, "new", "") for event in world.ledger.of(VersionStageChanged)] == [
        "Staging",
        "None",
    ]


async def test_an_answer_older_than_a_change_told_meanwhile_is_dropped() -> None:
    world = World()
    await world.begun()
    asked, answer = asyncio.Event(), asyncio.Event()

    class Slow(Odd):
        async def page(self, workspace: str, after: str) -> VersionPage:
            page = await self.real.page(workspace, after)
            asked.set()
            await answer.wait()
            rows = [replace(row, updated_ms=row.updated_ms + 10**6) for row in page.rows]
            return replace(page, rows=rows)

    slow = world.another(reader=Slow(world.registry))
    task = asyncio.create_task(slow.reconcile())
    await asked.wait()
    world.registry.put_stage(WS, "fraud", "1", "Staging")
    await world.source.look_changes()
    answer.set()
    await task
    await world.source.reconcile()
    assert [getattr(event, "new", "") for event in world.ledger.of(VersionStageChanged)] == [
        "Staging"
    ]


@pytest.mark.parametrize("problem", [Unavailable("registry", "403"), Terminal("403: no right")])
async def test_one_workspace_that_is_down_keeps_no_other_waiting(problem: SluiceError) -> None:
    world = World()

    class Partly(Odd):
        async def page(self, workspace: str, after: str) -> VersionPage:
            if workspace == "gone":
                raise problem
            return await self.real.page(workspace, after)

    world.registry.register(WS, "fraud", "run-0")
    source = world.another(reader=Partly(world.registry), workspaces=("gone", WS))
    with pytest.raises(type(problem), match="403"):
        await source.look_changes()
    assert [type(event) for event in world.ledger.events] == [ModelCreated, VersionRegistered]


async def test_our_own_stage_is_ours_and_its_effect_is_closed_as_seen() -> None:
    world = World()
    row = await world.begun()
    await world.writes_stage(row, "Staging", "e1")
    await world.source.look_changes()
    (event,) = world.ledger.of(VersionStageChanged)
    assert (event.head.actor, event.head.cause) == (SLUICE, "cause-of-e1")
    assert world.ledger.effects["e1"].closed == "seen"


async def test_a_read_while_the_answer_is_out_tells_it_as_ours_and_closes_it_later() -> None:
    world = World()
    row = await world.begun()
    world.opens("stage", f"registry:{row.version.path}", "Staging", "e1")
    await world.registry.set_stage(WS, "fraud", "1", "Staging")
    await world.clock.jump(1)
    await world.source.look_changes()
    assert world.closed("e1") is None
    world.answers("e1")
    await world.clock.jump(1)
    await world.source.look_changes()
    assert world.closed("e1") == "seen"
    assert [event.head.actor for event in world.ledger.of(VersionStageChanged)] == [SLUICE]


async def test_a_stranger_who_undoes_our_write_before_we_looked_is_told() -> None:
    world = World()
    row = await world.begun()
    await world.writes_stage(row, "Staging", "e1")
    world.registry.put_stage(WS, "fraud", "1", "None")
    await world.source.look_changes()
    (event,) = world.ledger.of(VersionStageChanged)
    assert isinstance(event, VersionStageChanged)
    assert (event.old, event.new, event.head.actor) == ("Staging", "None", UNKNOWN)
    assert world.ledger.effects["e1"].closed == "overwritten"


async def test_a_write_that_changed_nothing_is_closed_as_noop() -> None:
    world = World()
    row = await world.begun()
    await world.writes_stage(row, "None", "e1")
    await world.source.look_changes()
    assert world.ledger.of(VersionStageChanged) == []
    assert world.ledger.effects["e1"].closed == "noop"


async def test_a_strangers_return_to_a_value_of_ours_that_was_told_is_theirs() -> None:
    world = World()
    row = await world.begun()
    world.opens("stage", f"registry:{row.version.path}", "Staging", "e1")
    await world.registry.set_stage(WS, "fraud", "1", "Staging")
    for stage in ("None", "Staging"):
        await world.source.look_changes()
        await world.clock.jump(1)
        world.registry.put_stage(WS, "fraud", "1", stage)
    await world.source.look_changes()
    actors = [event.head.actor for event in world.ledger.of(VersionStageChanged)]
    assert actors == [SLUICE, UNKNOWN, UNKNOWN]


async def test_a_late_request_of_ours_that_flips_a_value_back_is_drift_of_ours() -> None:
    world = World()
    row = await world.begun()
    subject = f"registry:{row.version.path}"
    world.opens("stage", subject, "Staging", "e1")
    world.registry.late_by = 20
    with pytest.raises(Unavailable):
        await world.registry.set_stage(WS, "fraud", "1", "Staging")
    world.gets_no_answer("e1")
    await world.clock.jump(1)
    await world.writes_stage(row, "Production", "e2")
    await world.source.look_changes()
    await world.clock.jump(20)
    await world.source.look_changes()
    (drift,) = world.ledger.of(DriftFound)
    assert isinstance(drift, DriftFound)
    assert (drift.expected, drift.actual, drift.ours) == ("Production", "Staging", True)
    assert [event.head.actor for event in world.ledger.of(VersionStageChanged)] == [SLUICE] * 2
    await world.clock.jump(40)
    await world.source.look_changes()
    assert world.ledger.effects["e1"].closed == "seen"


async def test_an_effect_outside_the_overlap_is_closed_by_a_read_of_its_version() -> None:
    world = World()
    row = await world.begun()
    await world.writes_stage(row, "Staging", "e1")
    await world.clock.jump(600)
    world.registry.register(WS, "other", "run-5")
    await world.another().reconcile()
    await world.source.look_changes()
    assert world.ledger.effects["e1"].closed == "seen"


async def test_our_alias_is_ours_and_its_late_removal_drifts() -> None:
    world = World()
    await world.begun()
    subject = f"registry:{key_of('main', WS, 'fraud')}"
    world.opens("alias:champion", subject, "1", "e1")
    await world.registry.set_alias(WS, "fraud", "champion", "1")
    await world.clock.jump(1)
    world.answers("e1", json.dumps("1"))
    await world.clock.jump(1)
    await world.source.look_models()
    (event,) = world.ledger.of(AliasSet)
    assert (event.head.actor, event.head.cause) == (SLUICE, "cause-of-e1")
    assert world.ledger.effects["e1"].closed == "seen"


@pytest.mark.parametrize("answered", [True, False])
async def test_a_version_we_made_has_our_name_even_before_its_answer(answered: bool) -> None:  # noqa: FBT001
    world = World()
    await world.begun()
    world.registry.finish_run(WS, "run-7")
    effect = world.opens("version", f"registry:{key_of('main', WS, 'fraud')}", "", "register:7")
    number = await world.registry.create_version(WS, "fraud", "run-7", "model", effect.key)
    await world.clock.jump(1)
    if answered:
        world.answers(effect.key, json.dumps(number))
    await world.clock.jump(1)
    await world.source.look_changes()
    (event,) = world.ledger.of(VersionRegistered)
    assert (event.head.actor, event.head.cause) == (SLUICE, "cause-of-register:7")
    if not answered:
        world.answers(effect.key, json.dumps(number))
        await world.clock.jump(1)
        await world.source.look_changes()
    assert world.ledger.effects[effect.key].closed == "seen"


async def test_versions_made_before_we_looked_and_deleted_close_their_effect() -> None:
    world = World()
    await world.begun()
    world.registry.finish_run(WS, "run-7")
    effect = world.opens("version", f"registry:{key_of('main', WS, 'fraud')}", "", "register:7")
    number = await world.registry.create_version(WS, "fraud", "run-7", "model", effect.key)
    world.answers(effect.key, json.dumps(number))
    world.registry.delete_version(WS, "fraud", number)
    await world.clock.jump(1)
    await world.source.look_changes()
    assert world.ledger.effects[effect.key].closed == "overwritten"


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ours"), st.sampled_from(STAGES)),
        st.tuples(st.just("late"), st.sampled_from(STAGES)),
        st.tuples(st.just("slow"), st.sampled_from(STAGES)),
        st.tuples(st.just("answer"), st.just("")),
        st.tuples(st.just("theirs"), st.sampled_from(STAGES)),
        st.tuples(st.just("look"), st.sampled_from(("changes", "full"))),
        st.tuples(st.just("wait"), st.just("")),
    ),
    max_size=25,
)


@settings(deadline=None, max_examples=300)
@given(_STEPS)
def test_no_write_of_ours_is_news_and_none_of_theirs_is_swallowed(
    steps: list[tuple[str, str]],
) -> None:
    assert asyncio.run(_interleave(steps)) == len(steps) + 1


async def _interleave(steps: list[tuple[str, str]]) -> int:
    """Judge each look by the registry's own log of who wrote what it shows; count the steps.

    A stranger and an open effect of ours writing the same value between two looks are left out:
    nobody can tell those two apart.
    """
    world = World()
    row = await world.begun()
    shown, looked = "None", 0
    for count, (step, value) in enumerate(steps):
        if step in {"ours", "late", "slow"}:
            world.registry.land()
            unseen = world.registry.wrote[looked:]
            if unseen and (unseen[-1].by, unseen[-1].value) == ("person", value):
                continue
            await _write(world, row, value, f"e{count}", step)
        elif step in {"answer", "wait"}:  # no request waits for its answer as long as that
            await world.clock.jump(1)
            for effect in list(world.ledger.effects.values()):
                if effect.state == "sending":
                    world.answers(effect.key)
            await world.clock.jump(45 if step == "wait" else 0)
        elif step == "theirs":
            await world.clock.jump(1)
            world.registry.land()
            if not any(e.new == value and e.closed is None for e in world.ledger.effects.values()):
                world.registry.put_stage(WS, "fraud", "1", value)
        else:
            shown = await _judged_look(world, value, shown)
            looked = len(world.registry.wrote)
    await _judged_look(world, "full", shown)
    return len(steps) + 1


async def _write(world: World, row: VersionSeen, value: str, key: str, how: str) -> None:
    """One write of ours: answered at once, answered later, or landing after we gave up."""
    if how == "ours":
        await world.writes_stage(row, value, key)
        return
    world.opens("stage", f"registry:{row.version.path}", value, key)
    if how == "slow":
        await world.registry.set_stage(WS, "fraud", "1", value)
    else:
        world.registry.late_by = 20
        with pytest.raises(Unavailable):
            await world.registry.set_stage(WS, "fraud", "1", value)
        world.gets_no_answer(key)
    await world.clock.jump(1)


async def _judged_look(world: World, which: str, shown: str) -> str:
    """Look, and compare what was said with who wrote; return the value now told."""
    await world.clock.jump(1)
    before = len(world.ledger.of(VersionStageChanged))
    look = world.source.look_changes if which == "changes" else world.source.reconcile
    await look()
    said = world.ledger.of(VersionStageChanged)[before:]
    writes = [one for one in world.registry.wrote if one.field == "stage"]
    now = writes[-1].value if writes else "None"
    if now != shown:
        (event,) = said
        assert isinstance(event, VersionStageChanged)
        assert event.new == now
        expected = SLUICE if writes[-1].by == "sluice" else UNKNOWN
        assert event.head.actor == expected
    for event in said:
        assert isinstance(event, VersionStageChanged)
        by = {one.by for one in writes if one.value == event.new}
        assert ("sluice" if event.head.actor == SLUICE else "person") in by
    return now
