"""The effects door: a write is on disk before it is made, made once, and forbidden by the mode."""

from pathlib import Path

import pytest

from processor.adapters.ledgers import Ledger
from processor.errors import Retryable, Suppressed, Unavailable
from processor.policy.mode import Mode
from processor.testing.clock import JumpingClock
from tests.engine.doors import Forge, an_effect, create, door


async def test_a_create_that_is_done_is_not_made_again(ledger: Ledger, clock: JumpingClock) -> None:
    forge = Forge()
    answers = [await create(door(ledger, clock), forge) for _ in range(3)]
    assert answers == ["#1"] * 3
    assert forge.made == ["#1"]


async def test_a_lost_answer_is_waited_out_then_found(ledger: Ledger, clock: JumpingClock) -> None:
    forge = Forge(lose=True)
    with pytest.raises(Unavailable):
        await create(door(ledger, clock), forge)
    with pytest.raises(Retryable, match="looking again in 60 s") as early:
        await create(door(ledger, clock), forge)
    assert not early.value.blames
    await clock.jump(60)
    assert await create(door(ledger, clock), forge) == "#1"
    assert forge.made == ["#1"]


async def test_a_request_lost_for_good_is_sent_anew_on_fresh_ground(
    ledger: Ledger, clock: JumpingClock
) -> None:
    forge = Forge(late=True)
    with pytest.raises(Unavailable):
        await create(door(ledger, clock), forge)
    await clock.jump(60)
    assert await create(door(ledger, clock), forge) == "#1"
    forge.land()
    assert forge.made == ["#1"], "the late request finds no head"
    assert forge.cleared == {1}


async def test_control_without_clearing_a_late_request_doubles(
    ledger: Ledger, clock: JumpingClock
) -> None:
    forge = Forge(late=True)
    through = door(ledger, clock)
    with pytest.raises(Unavailable):
        await create(through, forge)
    await clock.jump(60)
    await through.create(an_effect(), forge.send, forge.look, quiet=60, read=str)
    forge.land()
    assert forge.made == ["#1", "late 1"]


async def test_a_process_that_died_while_sending_leaves_doubt_not_a_second_request(
    tmp_path: Path, clock: JumpingClock
) -> None:
    path = tmp_path / "sluice.db"
    forge = Forge()
    first = await Ledger.open(path, "main", clock)

    class Killed(BaseException):
        pass

    async def dies(attempt: int) -> str:
        await forge.send(attempt)
        raise Killed

    with pytest.raises(Killed):
        await door(first, clock).create(an_effect(), dies, forge.look, quiet=60, read=str)
    await first.close()
    second = await Ledger.open(path, "main", clock)
    assert (await second.effects.begin(an_effect())).state == "ambiguous"
    with pytest.raises(Retryable, match="got no answer"):
        await create(door(second, clock), forge)
    await clock.jump(60)
    assert await create(door(second, clock), forge) == "#1"
    assert forge.made == ["#1"]
    await second.close()


async def test_a_write_that_sets_a_value_is_repeated_at_once(
    ledger: Ledger, clock: JumpingClock
) -> None:
    sent = []

    async def send() -> str:
        sent.append(1)
        if len(sent) == 1:
            raise Unavailable("forge", "reset")
        return "set"

    through = door(ledger, clock)
    with pytest.raises(Unavailable):
        await through.converge(an_effect("registry.mark"), send, quiet=30)
    assert await through.converge(an_effect("registry.mark"), send, quiet=30) == "set"
    assert await through.converge(an_effect("registry.mark"), send, quiet=30) == "set"
    assert len(sent) == 2


@pytest.mark.parametrize(
    ("mode", "kind", "allowed"),
    [
        ("observe", "registry.mark", False),
        ("observe", "proposal.open", False),
        ("observe", "announcement", True),
        ("propose", "proposal.open", True),
        ("propose", "proposal.close", True),
        ("propose", "proposal.merge", False),
        ("propose", "registry.register", False),
        ("full", "proposal.merge", True),
        ("full", "registry.mark", True),
    ],
)
async def test_the_mode_says_what_may_be_written(
    ledger: Ledger, clock: JumpingClock, mode: Mode, kind: str, *, allowed: bool
) -> None:
    sent = []

    async def send() -> str:
        sent.append(kind)
        return ""

    through = door(ledger, clock, mode)
    if allowed:
        await through.converge(an_effect(kind), send, quiet=1)
        assert sent == [kind]
        return
    with pytest.raises(Suppressed, match=mode):
        await through.converge(an_effect(kind), send, quiet=1)
    assert sent == []
    assert (await ledger.effects.begin(an_effect(kind))).state == "suppressed"
    later = door(ledger, clock, "full")
    with pytest.raises(Suppressed, match="while the mode did not allow it"):
        await later.converge(an_effect(kind), send, quiet=1)
    assert sent == [], "what was given up is not made behind anybody's back"
    await later.converge(an_effect(kind, cause="another"), send, quiet=1)
    assert sent == [kind], "asked anew by another event, it is made"


async def test_what_was_on_its_way_is_not_sent_again_in_a_mode_that_forbids_it(
    ledger: Ledger, clock: JumpingClock
) -> None:
    sent = []

    async def lost() -> str:
        sent.append(1)
        raise Unavailable("forge", "reset")

    with pytest.raises(Unavailable):
        await door(ledger, clock).converge(an_effect("proposal.merge"), lost, quiet=1)
    with pytest.raises(Suppressed):
        await door(ledger, clock, "observe").converge(an_effect("proposal.merge"), lost, quiet=1)
    assert sent == [1]


async def test_what_was_created_is_adopted_even_in_a_mode_that_forbids_it(
    ledger: Ledger, clock: JumpingClock
) -> None:
    forge = Forge(lose=True)
    with pytest.raises(Unavailable):
        await create(door(ledger, clock), forge)
    await clock.jump(60)
    assert await create(door(ledger, clock, "observe"), forge) == "#1"
    lost = Forge(late=True)
    through = door(ledger, clock)
    with pytest.raises(Unavailable):
        await through.create(
            an_effect(key="2"), lost.send, lost.look, lost.clear, quiet=60, read=str
        )
    await clock.jump(60)
    watching = door(ledger, clock, "observe")
    with pytest.raises(Suppressed):
        await watching.create(
            an_effect(key="2"), lost.send, lost.look, lost.clear, quiet=60, read=str
        )
    assert (lost.made, lost.cleared) == ([], set())
