"""Which change is ours, which is a stranger's, and what each is called."""

from datetime import UTC, datetime, timedelta

from processor.events import AliasSet, DriftFound, VersionRegistered, VersionStageChanged
from processor.rules.changes import (
    Found,
    HeldModel,
    HeldVersion,
    model_subject,
    of_gone,
    of_model,
    of_new,
    of_version,
    subject_of,
)
from processor.rules.ours import NOTHING, Look, Memory, Newest, read_field
from processor.values.effect import Effect, EffectState
from processor.values.principal import SLUICE, UNKNOWN
from processor.values.registry import ModelSeen, VersionSeen
from processor.values.version import Version

T0 = datetime(2026, 1, 1, tzinfo=UTC)
VERSION = Version("main", "default", "fraud", "7", 1_700_000_000_000)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def seen(stage: str, updated_ms: int = 1_700_000_001_000) -> VersionSeen:
    return VersionSeen(VERSION, updated_ms, stage, "run", "s3://models/run/model")


def model(aliases: dict[str, str], updated_ms: int = 1) -> ModelSeen:
    return ModelSeen("default", "fraud", updated_ms, aliases, created_ms=1)


def wrote(
    new: str,
    sent: float,
    answered: float | None = None,
    *,
    state: EffectState = "done",
    attempt: int = 1,
    name: str = "stage",
) -> Effect:
    subject = subject_of(VERSION) if name == "stage" else model_subject("main", "default", "fraud")
    return Effect(
        key=f"{name}-{new}-{sent}",
        kind="registry.mark",
        subject=subject,
        field=name,
        new=new,
        digest="",
        cause=f"cause-{new}",
        state=state if answered is not None or state == "ambiguous" else "sending",
        attempt=attempt,
        sent_at=at(sent),
        answered_at=None if answered is None else at(answered),
        quiet_until=at(sent + 30),
    )


def look(asked: float, *effects: Effect) -> Look:
    return Look(incarnation="0001", asked_at=at(asked), read_at=at(asked + 1), effects=effects)


def closings(found: Found) -> dict[str, str]:
    return {one.key: one.closing for one in found.closings}


def test_a_change_nobody_of_us_asked_for_is_a_strangers() -> None:
    found = of_version(HeldVersion(seen=seen("None")), seen("Staging"), 2, look(5), full=False)
    (event,) = found.events
    assert isinstance(event, VersionStageChanged)
    assert (event.old, event.new) == ("None", "Staging")
    assert (event.head.actor, event.head.cause) == (UNKNOWN, None)
    assert event.head.time == datetime.fromtimestamp(1_700_000_001, UTC)


def test_the_same_change_later_has_another_id_and_the_same_revision_the_same() -> None:
    before = HeldVersion(seen=seen("None"))

    def told(revision: int) -> str:
        return of_version(before, seen("Staging"), revision, look(5), full=False).events[0].head.id

    assert told(2) == told(2) != told(4)


def test_an_unchanged_version_with_a_newer_time_says_nothing() -> None:
    before = HeldVersion(seen=seen("None"))
    found = of_version(before, seen("None", 1_700_000_009_000), 2, look(5), full=True)
    assert not found.tells


def test_a_value_asked_for_by_an_open_effect_is_ours() -> None:
    ours = wrote("Staging", 1, 2)
    before = HeldVersion(seen=seen("None"))
    found = of_version(before, seen("Staging"), 2, look(3, ours), full=False)
    assert (found.events[0].head.actor, found.events[0].head.cause) == (SLUICE, "cause-Staging")
    assert closings(found) == {ours.key: "seen"}


def test_a_read_sent_before_the_answer_closes_nothing() -> None:
    ours = wrote("Staging", 1, 4)
    before = HeldVersion(seen=seen("None"))
    found = of_version(before, seen("Staging"), 2, look(3, ours), full=False)
    assert found.events[0].head.actor == SLUICE
    assert closings(found) == {}


def test_an_effect_sent_after_the_answer_arrived_cannot_have_made_it() -> None:
    read = read_field("None", "Staging", NOTHING, [wrote("Staging", 9)], look(3))
    assert read.ours is None


def test_an_unanswered_effect_stays_open_until_its_quiet_window_is_over() -> None:
    ours = wrote("Staging", 1, state="ambiguous")
    before = HeldVersion(seen=seen("None"))
    early = of_version(before, seen("None"), 2, look(20, ours), full=False)
    late = of_version(before, seen("None"), 2, look(32, ours), full=False)
    assert (closings(early), closings(late)) == ({}, {ours.key: "overwritten"})
    assert late.events == ()


def test_a_repeated_effect_stays_open_for_its_first_request_too() -> None:
    ours = wrote("Staging", 1, 2, attempt=2)
    assert not look(5, ours).settled(ours)
    assert look(32, ours).settled(ours)


def test_our_value_back_after_a_newer_answered_write_of_ours_is_a_strangers() -> None:
    effects = [wrote("Staging", 1, 2), wrote("Production", 3, 4)]
    read = read_field("None", "Staging", NOTHING, effects, look(5, *effects))
    assert read.ours is None
    assert {one.key: one.closing for one in read.closings} == {
        effects[0].key: "seen" if read.memory.told else "noop",
        effects[1].key: "overwritten",
    }


def test_a_late_request_after_a_newer_write_is_drift_of_ours() -> None:
    late = wrote("Staging", 1, state="ambiguous")
    memory = Memory(newest=Newest(sent_at=at(3), value="Production"))
    before = HeldVersion(seen=seen("Production"), memories={"stage": memory})
    found = of_version(before, seen("Staging"), 5, look(20, late), full=False)
    changed, drift = found.events
    assert changed.head.actor == SLUICE
    assert isinstance(drift, DriftFound)
    assert (drift.expected, drift.actual, drift.field) == ("Production", "Staging", "stage")


def test_a_new_version_is_registered_at_its_own_time_and_observed_at_the_baseline() -> None:
    new = of_new(seen("None"), look(5), observed_before_ms=0, creator=None)
    old = of_new(seen("None"), look(5), observed_before_ms=VERSION.created_ms + 1, creator=None)
    (event,) = new.events
    assert isinstance(event, VersionRegistered)
    assert event.head.time == datetime.fromtimestamp(1_700_000_000, UTC)
    assert old.events[0].kind == "model_version.observed"


def test_the_id_of_an_appearance_and_of_an_end_does_not_depend_on_the_ledger() -> None:
    first = of_new(seen("None"), look(5), observed_before_ms=0, creator=None)
    other = Look(incarnation="0002", asked_at=at(9), read_at=at(9), effects=())
    again = of_new(seen("Staging"), other, observed_before_ms=0, creator=None)
    assert first.events[0].head.id == again.events[0].head.id
    assert of_gone(VERSION, look(1)).events[0].head.id == of_gone(VERSION, other).events[0].head.id


def test_aliases_that_move_together_are_facts_of_their_own() -> None:
    now = model({"champion": "2", "Champion": "2"})
    before = HeldModel(seen=model({"champion": "1"}))
    found = of_model("main", before, now, 3, look(5), {}, full=False)
    assert len({event.head.id for event in found.events}) == 2
    assert all(isinstance(event, AliasSet) for event in found.events)


def test_an_alias_we_removed_is_ours() -> None:
    ours = wrote("", 1, 2, name="alias:champion")
    before = HeldModel(seen=model({"champion": "1"}))
    found = of_model("main", before, model({}), 3, look(5, ours), {}, full=False)
    (event,) = found.events
    assert (event.kind, event.head.actor) == ("alias.removed", SLUICE)
    assert closings(found) == {ours.key: "seen"}


def test_an_alias_effect_that_changed_nothing_is_closed_without_an_event() -> None:
    ours = wrote("1", 1, 2, name="alias:champion")
    now = model({"champion": "1"})
    found = of_model("main", HeldModel(seen=now), now, 3, look(5, ours), {}, full=False)
    assert found.events == ()
    assert closings(found) == {ours.key: "noop"}
