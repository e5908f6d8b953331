"""Models that appear, change, get another name, or go; and registries that go back in time."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import pytest

from processor import events as e
from processor.errors import Forbidden
from processor.testing.registry import MemoryRegistry
from processor.values.principal import SLUICE, UNKNOWN
from processor.values.registry import ModelSeen
from tests.sources.test_registry import WS, Odd, World


def facts(world: World, since: int = 0) -> list[tuple[str, str, str | None, str | None]]:
    """Return what was told: kind, subject, old and new."""
    told = []
    for event in world.ledger.events[since:]:
        old = getattr(event, "old", getattr(event, "previous", None))
        new = getattr(event, "new", getattr(event, "value", getattr(event, "number", None)))
        told.append((event.kind, event.head.subject.removeprefix("main/default/"), old, new))
    return told


async def looked(world: World) -> None:
    """Look in every way, twice."""
    for _ in range(2):
        await world.source.look_changes()
        await world.source.look_models()
        await world.source.reconcile()


async def begun(world: World) -> int:
    """Let two models be there, one with two versions; return how much was told of them."""
    await world.begun("fraud")
    world.registry.register(WS, "fraud", "run-1")
    world.registry.register(WS, "churn", "run-2")
    await world.clock.jump(10)
    await looked(world)
    await world.clock.jump(200)
    return len(world.ledger.events)


async def test_a_rename_is_one_fact_and_its_versions_are_observed_again() -> None:
    world = World()
    since = await begun(world)
    world.registry.rename_model(WS, "fraud", "fraud-eu")
    await looked(world)
    told = facts(world, since)
    assert told[0] == ("model.renamed", "fraud-eu", "fraud", "fraud-eu")
    assert [kind for kind, *_ in told[1:]] == ["model_version.observed"] * 2
    assert {one.was.model for one in world.ledger.of(e.VersionObserved) if one.was} == {"fraud"}  # type: ignore[attr-defined]
    world.registry.put_stage(WS, "fraud-eu", "1", "Staging")
    await looked(world)
    [_, *new] = facts(world, since + 2)
    assert [(kind, old, new) for kind, _, old, new in new] == [
        ("model_version.stage_changed", "None", "Staging")
    ]


@pytest.mark.parametrize("steps", range(1, 12))
async def test_a_rename_cut_off_anywhere_is_finished_by_the_next_process(steps: int) -> None:
    world = World()
    since = await begun(world)
    world.registry.rename_model(WS, "fraud", "fraud-eu")
    left = steps

    class Dead(Exception):
        pass

    append = world.ledger.append

    async def dying(*args: object, **more: object) -> object:
        nonlocal left
        left -= 1
        if left < 0:
            raise Dead
        return await append(*args, **more)  # type: ignore[arg-type]

    world.ledger.append = dying  # type: ignore[method-assign, assignment]
    with suppress(Dead):
        await looked(world)
    world.ledger.append = append  # type: ignore[method-assign]
    world.source = world.another(incarnation="0001")
    await looked(world)
    kinds = [kind for kind, *_ in facts(world, since)]
    assert sorted(kinds) == ["model.renamed", "model_version.observed", "model_version.observed"]


async def test_models_made_in_one_millisecond_are_not_each_others_former_names() -> None:
    world = World()
    for name in ("fraud", "churn", "scan"):
        world.registry.register(WS, name, f"run-{name}")
    for name in ("churn", "scan"):
        first = world.registry._models[WS, "fraud"].created_ms
        world.registry._models[WS, name].created_ms = first
    await world.clock.jump(10)
    await looked(world)
    assert {kind for kind, *_ in facts(world)} == {"model_version.observed"}
    since = len(world.ledger.events)
    world.registry.delete_model(WS, "churn")
    world.registry.rename_model(WS, "scan", "scans")
    await looked(world)
    told = sorted((kind, subject.partition("/")[0]) for kind, subject, *_ in facts(world, since))
    assert told == [
        ("model.deleted", "churn"),
        ("model.renamed", "scans"),
        ("model_version.deleted", "churn"),
        ("model_version.observed", "scans"),
    ]


async def test_a_deleted_model_takes_its_aliases_and_versions_along() -> None:
    world = World()
    await begun(world)
    world.registry.put_alias(WS, "fraud", "champion", "2")
    await looked(world)
    since = len(world.ledger.events)
    world.registry.delete_model(WS, "fraud")
    await looked(world)
    told = facts(world, since)
    assert sorted(kind for kind, *_ in told) == [
        "alias.removed",
        "model.deleted",
        "model_version.deleted",
        "model_version.deleted",
    ]
    assert told[-1][0] == "model.deleted"


async def test_a_version_that_went_is_told_by_the_fast_look_alone() -> None:
    world = World()
    since = await begun(world)
    world.registry.put_alias(WS, "fraud", "champion", "1")
    await world.source.look_models()
    world.registry.delete_version(WS, "fraud", "1")
    await world.source.look_changes()
    assert [kind for kind, *_ in facts(world, since + 1)] == [
        "alias.removed",
        "model_version.deleted",
    ]


async def test_tags_and_descriptions_are_told_with_what_was_there_before() -> None:
    world = World()
    since = await begun(world)
    world.registry.describe_model(WS, "fraud", "cards")
    world.registry.put_model_tag(WS, "fraud", "team", "risk")
    world.registry.describe_version(WS, "fraud", "1", "march")
    world.registry.put_tag(WS, "fraud", "1", "days", "30")
    await looked(world)
    world.registry.put_tag(WS, "fraud", "1", "days", "90")
    await looked(world)
    world.registry.drop_tag(WS, "fraud", "1", "days")
    world.registry.drop_model_tag(WS, "fraud", "team")
    await looked(world)
    told = [(kind, old, new) for kind, _, old, new in facts(world, since)]
    assert sorted(told, key=str) == sorted(
        [
            ("model.described", "", "cards"),
            ("model.tag_set", None, "risk"),
            ("model_version.described", "", "march"),
            ("model_version.tag_set", None, "30"),
            ("model_version.tag_set", "30", "90"),
            ("model_version.tag_removed", "90", None),
            ("model.tag_removed", "risk", None),
        ],
        key=str,
    )
    assert {one.head.actor for one in world.ledger.events[since:]} == {UNKNOWN}


async def test_an_awaited_tag_is_seen_by_the_fast_look() -> None:
    world = World()
    await begun(world)
    world.registry.put_stage(WS, "churn", "1", "Staging")
    await world.source.look_changes()
    since = len(world.ledger.events)
    world.registry.put_tag(WS, "fraud", "1", "other", "x")
    world.registry.put_tag(WS, "fraud", "2", "sluice.evaluate", "please")
    await world.source.look_changes()
    assert facts(world, since) == [], "MLflow moves no time for a tag"
    await world.another(tags=("sluice.evaluate",)).look_changes()
    [(kind, _, old, new)] = facts(world, since)
    assert (kind, old, new) == ("model_version.tag_set", None, "please")


async def test_a_tag_we_removed_is_ours() -> None:
    world = World()
    await begun(world)
    world.registry.put_tag(WS, "fraud", "1", "sluice.evaluate", "please")
    await looked(world)
    [asked] = world.ledger.of(e.VersionTagSet)
    assert isinstance(asked, e.VersionTagSet)
    world.opens("tag:sluice.evaluate", f"registry:{asked.version.path}", "", "e1")
    await world.clock.jump(1)
    await world.registry.remove_tag(WS, "fraud", "1", "sluice.evaluate")
    await world.clock.jump(1)
    world.answers("e1")
    await world.clock.jump(1)
    await looked(world)
    [gone] = world.ledger.of(e.VersionTagRemoved)
    assert (gone.head.actor, gone.head.cause) == (SLUICE, "cause-of-e1")
    assert world.closed("e1") == "seen"


async def test_what_we_may_not_see_any_more_is_not_gone() -> None:
    world = World()
    since = await begun(world)
    world.registry.forbidden.add("fraud")
    await looked(world)
    assert facts(world, since) == []
    world.registry.forbidden.clear()
    world.registry.delete_model(WS, "fraud")
    await looked(world)
    assert "model.deleted" in [kind for kind, *_ in facts(world, since)], "and what is gone is told"


async def test_a_registry_that_goes_back_in_time_is_believed_after_two_full_looks() -> None:
    world = World()
    await begun(world)
    saved = world.registry.backup()
    await world.clock.jump(100)
    world.registry.put_stage(WS, "fraud", "1", "Production")
    world.registry.register(WS, "fraud", "run-9")
    world.registry.register(WS, "new", "run-10")
    await looked(world)
    since = len(world.ledger.events)
    world.registry.restore(saved)
    await world.clock.jump(100)
    await world.source.look_changes()
    await world.source.look_models()
    await world.source.reconcile()
    assert facts(world, since) == [], "it may be an old copy that answers"
    await world.source.reconcile()
    told = world.ledger.events[since:]
    assert {one.kind for one in told} == {
        "model_version.stage_changed",
        "model_version.deleted",
        "model.deleted",
    }
    assert all(getattr(one, "restored", False) for one in told)
    [back] = world.ledger.of(e.VersionStageChanged)[-1:]
    assert (back.old, back.new) == ("Production", "None")  # type: ignore[attr-defined]


async def test_an_old_copy_that_answers_now_and_then_says_nothing() -> None:
    world = World()
    await begun(world)
    saved = world.registry.backup()
    await world.clock.jump(100)
    world.registry.put_stage(WS, "fraud", "1", "Production")
    world.registry.register(WS, "fraud", "run-9")
    await looked(world)
    since, now = len(world.ledger.events), world.registry.backup()
    for _ in range(3):
        world.registry.restore(saved)
        await world.source.look_changes()
        await world.source.look_models()
        await world.source.reconcile()
        world.registry.restore(now)
        await looked(world)
    assert facts(world, since) == []


async def test_a_half_listing_deletes_nothing() -> None:
    world = World()
    since = await begun(world)

    class Half(Odd):
        async def models(self, workspace: str) -> Sequence[ModelSeen]:
            return (await self.real.models(workspace))[:1]

        async def page(self, workspace: str, after: str) -> object:
            page = await self.real.page(workspace, after)
            return replace(page, rows=page.rows[:1], after="")

    source = world.another(reader=Half(world.registry))
    await source.look_models()
    await source.reconcile()
    assert facts(world, since) == []


async def test_a_listing_in_another_order_and_twice_over_tells_nothing_twice() -> None:
    world = World()
    since = await begun(world)

    class Twice(Odd):
        async def models(self, workspace: str) -> Sequence[ModelSeen]:
            rows = list(await self.real.models(workspace))
            return [*reversed(rows), *rows]

        async def page(self, workspace: str, after: str) -> object:
            page = await self.real.page(workspace, after)
            return replace(page, rows=[*reversed(page.rows), *page.rows])

    world.registry.register(WS, "third", "run-3")
    world.registry.put_stage(WS, "fraud", "1", "Staging")
    world.source = world.another(reader=Twice(world.registry))
    await looked(world)
    assert sorted(kind for kind, *_ in facts(world, since)) == [
        "model.created",
        "model_version.registered",
        "model_version.stage_changed",
    ]


async def test_what_is_made_during_the_baseline_is_news() -> None:
    world = World()
    world.registry.register(WS, "old", "run-0")
    await world.clock.jump(10)

    class Busy(Odd):
        async def page(self, workspace: str, after: str) -> object:
            await world.clock.jump(1)
            if not after and "new" not in {one.name for one in await self.real.models(workspace)}:
                self.real.register(workspace, "new", "run-1")
            return await self.real.page(workspace, after)

    world.source = world.another(reader=Busy(world.registry))
    await looked(world)
    assert [(kind, subject.partition("/")[0]) for kind, subject, *_ in facts(world)] == [
        ("model_version.observed", "old"),
        ("model.created", "new"),
        ("model_version.registered", "new"),
    ]


async def test_a_model_that_we_make_by_registering_is_ours() -> None:
    world = World()
    await begun(world)
    world.registry.finish_run(WS, "run-7")
    world.opens("version", "registry:main/default/ours", "", "e1")
    await world.registry.create_version(WS, "ours", "run-7", "model", "e1")
    await world.source.look_changes()
    [made] = [one for one in world.ledger.of(e.ModelCreated) if "ours" in one.head.subject]
    assert (made.head.actor, made.head.cause) == (SLUICE, "cause-of-e1")


async def test_a_refusal_to_show_one_version_stops_no_other() -> None:
    world = World()
    since = await begun(world)

    class Refusing(Odd):
        async def version(self, workspace: str, model: str, number: str) -> object:
            if model == "fraud":
                raise Forbidden("registry", "403")
            return await self.real.version(workspace, model, number)

        async def page(self, workspace: str, after: str) -> object:
            page = await self.real.page(workspace, after)
            return replace(page, rows=[one for one in page.rows if one.version.model != "fraud"])

    real: MemoryRegistry = world.registry
    real.delete_version(WS, "churn", "1")
    await world.clock.jump(100)
    await world.another(reader=Refusing(real)).reconcile()
    assert [kind for kind, *_ in facts(world, since)] == ["model_version.deleted"]
