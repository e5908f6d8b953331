"""Pull requests through the door: one per promotion, whatever the forge made of our requests."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from processor.adapters.ledgers import Ledger
from processor.engine.effects.proposals import ProposalDoor
from processor.errors import NotSent, NotYet, Retryable, Terminal, Unavailable
from processor.policy.mode import Mode
from processor.testing.clock import JumpingClock
from processor.testing.forge import MemoryForge
from processor.values.principal import SLUICE, claimed
from processor.values.proposal import Draft, Proposal
from processor.values.slot import Repository
from tests.engine.doors import door

WHERE = Repository("local", "acme/gitops", "main")
FILE = "apps/fraud.yaml"


@pytest.fixture
def forge(clock: JumpingClock) -> MemoryForge:
    made = MemoryForge("local", clock.now)
    made.create_repository(WHERE, {FILE: b"old\n"})
    return made


def through(
    ledger: Ledger, clock: JumpingClock, forge: MemoryForge, mode: Mode = "full"
) -> ProposalDoor:
    return ProposalDoor(
        door=door(ledger, clock, mode),
        readers={"local": forge},
        writers={"local": forge},
        quiet={"local": 60.0},
    )


async def a_draft(forge: MemoryForge) -> Draft:
    return Draft(
        promotion_id="p-1",
        branch="promote/p-1",
        base_sha=await forge.head(WHERE),
        files=((FILE, b"new\n"),),
        message="Promote",
        title="Promote",
        body="why",
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )


async def alive(forge: MemoryForge) -> Sequence[Proposal]:
    return await forge.list_open(WHERE)


async def test_of_two_that_a_late_request_left_the_first_is_kept_and_the_other_closed(
    ledger: Ledger, clock: JumpingClock, forge: MemoryForge
) -> None:
    draft, on = await a_draft(forge), through(ledger, clock, forge)
    forge.answer_lost = True
    with pytest.raises(Unavailable):
        await on.open(WHERE, draft, "cause")
    await forge.open(WHERE, draft.branch, draft.title, draft.body, draft.promotion_id)
    assert len(await alive(forge)) == 2
    with pytest.raises(Retryable):
        await on.open(WHERE, draft, "cause")
    await clock.jump(60)
    assert (await on.open(WHERE, draft, "cause")).number == 1
    assert [one.number for one in await alive(forge)] == [1]
    assert "it is #1" in (await forge.get(WHERE, 2)).end_reason


async def test_a_merged_one_counts_before_one_that_was_opened_earlier(
    ledger: Ledger, clock: JumpingClock, forge: MemoryForge
) -> None:
    draft, on = await a_draft(forge), through(ledger, clock, forge)
    forge.open_late = True
    with pytest.raises(Unavailable):
        await on.open(WHERE, draft, "cause")
    for branch in ("promote/p-1-a2", "promote/p-1-a3"):
        await forge.commit(WHERE, branch, draft.base_sha, draft.files, branch, draft.at)
        await forge.open(WHERE, branch, draft.title, draft.body, draft.promotion_id)
    second = await forge.get(WHERE, 2)
    await forge.merge(WHERE, 2, second.head_sha, claimed("ana"))
    await clock.jump(60)
    assert (await on.open(WHERE, draft, "cause")).number == 2
    assert await alive(forge) == []


async def test_while_only_watching_the_other_is_left_alone(
    ledger: Ledger, clock: JumpingClock, forge: MemoryForge
) -> None:
    draft = await a_draft(forge)
    forge.answer_lost = True
    with pytest.raises(Unavailable):
        await through(ledger, clock, forge).open(WHERE, draft, "cause")
    await forge.open(WHERE, draft.branch, draft.title, draft.body, draft.promotion_id)
    await clock.jump(60)
    watching = through(ledger, clock, forge, "observe")
    assert (await watching.open(WHERE, draft, "cause")).number == 1
    assert len(await alive(forge)) == 2


REFUSALS = [
    NotSent("forge local", "not asked, it has not answered"),
    Terminal("403: the token may not open pull requests"),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=["not sent", "refused"])
async def test_one_that_was_refused_after_its_commit_is_opened_although_its_base_moved(
    ledger: Ledger,
    clock: JumpingClock,
    forge: MemoryForge,
    monkeypatch: pytest.MonkeyPatch,
    refusal: Exception,
) -> None:
    on = through(ledger, clock, forge)

    async def refuses(*_: object) -> Proposal:
        raise refusal

    with monkeypatch.context() as patched:
        patched.setattr(forge, "open", refuses)
        for _ in range(2):  # the second time over what the first has left
            with pytest.raises(type(refusal)):
                await on.open(WHERE, await a_draft(forge), "cause")
            forge.person_pushes(WHERE, "main", {"README.md": b"moved on\n"}, "Ben B")
    opened = await on.open(WHERE, await a_draft(forge), "cause")
    assert (opened.number, opened.branch) == (1, "promote/p-1-a3")
    left = [write for write, _ in forge.writes]
    assert left == [
        "commit promote/p-1",
        "delete promote/p-1",
        "commit promote/p-1-a2",
        "delete promote/p-1-a2",
        "commit promote/p-1-a3",
        "open #1",
    ]


async def test_control_the_first_branch_again_is_never_overwritten(
    ledger: Ledger, clock: JumpingClock, forge: MemoryForge
) -> None:
    draft = await a_draft(forge)
    await forge.commit(WHERE, draft.branch, draft.base_sha, draft.files, "Promote", draft.at)
    forge.person_pushes(WHERE, "main", {"README.md": b"moved on\n"}, "Ben B")
    with pytest.raises(Terminal, match="never overwritten"):
        await through(ledger, clock, forge).open(WHERE, await a_draft(forge), "cause")


@pytest.mark.parametrize("how", ["closed", "pushed", "taken away"])
async def test_a_merge_that_was_overtaken_is_asked_anew_and_dies_of_nothing(
    ledger: Ledger, clock: JumpingClock, forge: MemoryForge, how: str
) -> None:
    doors = through(ledger, clock, forge)
    opened = await doors.open(WHERE, await a_draft(forge), "cause-1")
    match how:
        case "closed":
            await forge.close(WHERE, opened.number, "superseded: #2 for fraud v2", SLUICE)
        case "pushed":
            forge.person_pushes(WHERE, opened.branch, {"notes.md": b"a word"}, "Ana A")
        case _:
            forge.person_moves(WHERE, opened.branch, None)
    with pytest.raises(NotYet):
        await doors.merge(WHERE, opened.number, opened.head_sha, "cause-2")


async def test_a_merge_that_conflicts_is_for_a_person(
    ledger: Ledger, clock: JumpingClock, forge: MemoryForge
) -> None:
    doors = through(ledger, clock, forge)
    opened = await doors.open(WHERE, await a_draft(forge), "cause-1")
    forge.person_pushes(WHERE, WHERE.branch, {FILE: b"something else\n"}, "Ana A")
    with pytest.raises(Terminal, match="both changed"):
        await doors.merge(WHERE, opened.number, opened.head_sha, "cause-2")
