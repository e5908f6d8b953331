"""People are told: on the pull request's one comment, and in one line per event."""

from processor import events as e
from processor.testing.samples import CANDIDATE, SAMPLES
from processor.values.about import About
from processor.values.principal import SLUICE
from tests.handlers.world import WHERE, World


async def test_the_comment_follows_the_rollout_and_stays_one(world: World) -> None:
    version, _ = await world.registered()
    event = await world.proposed(version)
    await world.merged(event)
    at = {"slot": event.slot, "uri": event.uri}
    started = await world.of(e.RolloutStarted, event, **at)
    assert await world.react("confirm", started) == []
    first = await world.forge.comment(WHERE, 1)
    assert first is not None
    assert "rolling out" in first
    moving = await world.of(e.RolloutProgressed, event, **at, detail="pulling the image")
    await world.react("confirm", moving)
    assert "pulling the image" in (await world.forge.comment(WHERE, 1) or "")
    done = await world.of(
        e.RolloutSucceeded, event, **at, endpoint="http://fraud", prediction="[1]"
    )
    await world.react("confirm", done)
    last = await world.forge.comment(WHERE, 1) or ""
    assert "serving" in last
    assert "//fraud" in last
    assert "pulling" not in last
    bad = await world.of(e.RolloutRegressed, event, **at, reason="it stopped answering")
    await world.react("confirm", bad)
    worst = await world.forge.comment(WHERE, 1) or ""
    assert "failed" in worst
    assert "it stopped answering" in worst
    await world.react("confirm", bad)
    assert world.our_writes.count("comment #1") == 4


async def test_a_late_word_does_not_turn_the_comment_back(world: World) -> None:
    version, _ = await world.registered()
    event = await world.proposed(version)
    await world.merged(event)
    at = {"slot": event.slot, "uri": event.uri}
    started = await world.of(e.RolloutStarted, event, **at)
    await world.of(e.RolloutSucceeded, event, **at, endpoint="http://fraud", prediction="[1]")
    await world.react("confirm", started)
    comment = await world.forge.comment(WHERE, 1) or ""
    assert "serving" in comment
    assert "rolling out" not in comment


async def test_a_rollout_without_a_pull_request_has_no_comment(world: World) -> None:
    sample = next(one for one in SAMPLES if isinstance(one, e.RolloutStarted))
    assert await world.react("confirm", sample) == []
    assert world.our_writes == []


async def test_an_endpoint_is_told_once_per_event(world: World) -> None:
    event = next(one for one in SAMPLES if isinstance(one, e.PromotionProposed))
    assert await world.ask("announce", event) == []
    assert await world.ask("announce", event) == []
    [(key, text)] = world.channel.told
    assert key == f"tell:log:{event.head.id}"
    assert text == f"fraud v2 promotion proposed (production): {event.proposal.url}"


async def test_every_event_is_told_in_one_line_of_printable_text(world: World) -> None:
    for event in SAMPLES:
        await world.ask("announce", event)
    texts = [text for _, text in world.channel.told]
    assert len(texts) == len(SAMPLES)
    assert all(text.isprintable() and text for text in texts)


async def test_a_strangers_control_characters_are_made_harmless(world: World) -> None:
    head = e.PromotionRejected.heading(About.of(CANDIDATE, "production"), "x", actor=SLUICE)
    event = e.PromotionRejected(
        head=head,
        promotion_id="p",
        version=CANDIDATE,
        target="production",
        by=SLUICE,
        reason="no\n\x1b[31mway\u202e\x00",
    )
    await world.ask("announce", event)
    assert world.channel.told[0][1] == "fraud v2 promotion rejected (production): no  [31mway  "


async def test_a_bypass_says_what_was_missing(world: World) -> None:
    await world.ask(
        "announce", next(one for one in SAMPLES if isinstance(one, e.PromotionBypassed))
    )
    assert world.channel.told[0][1].endswith(": one approval of ana is missing")


def died(handler: str, part: str) -> e.WorkDied:
    head = e.WorkDied.heading(About("main"), f"{handler}:{part}", actor=SLUICE)
    return e.WorkDied(head=head, handler=handler, part=part, event_id="x", reason="gone")


async def test_a_failing_endpoint_is_never_told_about_itself(world: World) -> None:
    assert await world.ask("announce", died("announce", "log")) == []
    assert world.channel.told == []
    await world.ask("announce", died("announce", "chat"))
    await world.ask("announce", died("propose", ""))
    assert [text for _, text in world.channel.told] == [
        "work died: announce gave up: gone",
        "work died: propose gave up: gone",
    ]
