"""An event that only another program can read: named with its fix, and in nobody else's way."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from processor.adapters.ledgers import Ledger, copying, refolding, schema, sealing
from processor.errors import Terminal
from processor.events import PromotionProposed, VersionRegistered
from processor.policy.policy import Policies
from processor.rules.slots import repository_of, slot_of
from processor.sources.proposals import ProposalsSource
from processor.testing.clock import JumpingClock
from processor.testing.forge import MemoryForge
from processor.values.about import About
from processor.values.people import People
from processor.values.promotion import Promotion, promotion_id_of
from processor.values.version import Version
from tests.ledger.filled import fill, opened
from tests.make import a_policy, a_version, registered, requested

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
POLICY = a_policy(models="*")
TARGET = POLICY.targets[0]
WROTE = "run the program that wrote it"
EDITS = {
    "a field it does not know": (
        "UPDATE event SET data = json_set(data, '$.flavor', 'new') WHERE seq = 2",
        r"flavor: Extra inputs are not permitted\)",
    ),
    "no JSON": ("UPDATE event SET data = '{' WHERE seq = 2", r"EOF while parsing .*\)"),
    "no object": ("UPDATE event SET data = '[]' WHERE seq = 2", r"is not a JSON object\)"),
}
ANOTHER_FOLD = "UPDATE meta SET value = '1' WHERE name = 'fold_version'"
UNKNOWN = "UPDATE event SET type = 'sluice.of.tomorrow.v1' WHERE seq = 2"


async def three(path: Path, *statements: str) -> str:
    """Make a ledger of three events, edited afterwards; return the second one's id."""
    ledger = await opened(path)
    await fill(ledger, 1)
    await fill(ledger, 2, model="other")
    await fill(ledger, 3)
    await ledger.close()
    edit(path, *statements)
    return registered(a_version("2", "other"), "run-2").head.id


def edit(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as file, file:
        for statement in statements:
            file.execute(statement)


@pytest.mark.parametrize("kind", EDITS)
async def test_a_start_that_has_to_fold_it_says_which_and_what_to_do(
    tmp_path: Path, kind: str
) -> None:
    spoils, why = EDITS[kind]
    path = tmp_path / "sluice.db"
    event_id = await three(path, spoils, ANOTHER_FOLD)
    said = rf"the event {event_id} at place 2 cannot be read by this program .*{why}: {WROTE}"
    with pytest.raises(Terminal, match=said) as refused:
        await opened(path)
    assert "\n" not in str(refused.value)
    with copying.connected(path, writing=True) as connection, pytest.raises(Terminal, match=said):
        refolding.refold(connection)


async def test_a_start_that_need_not_fold_it_goes_on_and_other_models_are_read(
    tmp_path: Path,
) -> None:
    path = tmp_path / "sluice.db"
    event_id = await three(path, EDITS["a field it does not know"][0])
    ledger = await opened(path)
    with pytest.raises(Terminal, match=f"the event {event_id} at place 2 cannot be read"):
        await ledger.log.of_key("main/default/other")
    with pytest.raises(Terminal, match=f"the event {event_id} at place 2 cannot be read"):
        await ledger.log.get(event_id)
    assert len(await ledger.log.of_key("main/default/fraud")) == 2, "the others are read"
    await fill(ledger, 4)
    assert len(await ledger.log.of_key("main/default/fraud")) == 3, "and written"
    await ledger.close()


async def test_one_of_a_type_nobody_here_knows_stops_no_start(tmp_path: Path) -> None:
    path = tmp_path / "sluice.db"
    await three(path, UNKNOWN, ANOTHER_FOLD)
    ledger = await opened(path)
    assert await ledger.log.of_key("main/default/other") == []
    assert len(await ledger.views.models()) == 1, "it changes no view of this program"
    await ledger.close()


@pytest.mark.parametrize("kind", [*EDITS, "a type it does not know"])
async def test_what_cannot_be_folded_is_not_sealed_and_nothing_is_left_behind(
    tmp_path: Path, kind: str
) -> None:
    path, clock = tmp_path / "sluice.db", JumpingClock()
    spoils, why = EDITS.get(kind, (UNKNOWN, rf"sluice\.of\.tomorrow\.v1: {kind}\)"))
    event_id = await three(path, spoils)
    before = path.read_bytes()
    await clock.jump(86400)
    with pytest.raises(Terminal, match=rf"the event {event_id} at place 2 .*{why}: {WROTE}"):
        sealing.seal(path, "main", tmp_path / "exports", clock.now(), timedelta(hours=1))
    assert list((tmp_path / "exports").iterdir()) == []
    assert path.read_bytes() == before
    await read_again(path, clock, spoils)


async def read_again(path: Path, clock: JumpingClock, spoils: str) -> None:
    """The control: the program that wrote it seals it without a word."""
    known = registered(a_version("2", "other"), "run-2")
    data = known.model_dump_json(exclude={"head"})
    edit(path, f"UPDATE event SET data = '{data}', type = '{known.type_name()}' WHERE seq = 2")
    done = sealing.seal(path, "main", path.parent / "exports", clock.now(), timedelta(hours=1))
    assert (done.first, done.last) == (1, 2), spoils


async def test_one_without_a_place_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "sluice.db"
    ledger = await opened(path)
    await ledger.log.append([registered(a_version())])
    await ledger.close()
    edit(path, "UPDATE event SET data = '{}'", ANOTHER_FOLD)
    with pytest.raises(Terminal, match="that has no place yet cannot be read"):
        await Ledger.open(path, "main", JumpingClock())


async def test_a_merge_of_another_model_is_judged_all_the_same(tmp_path: Path) -> None:
    """Whoever judges a merge reads its model's events again: that model's, and no other's."""
    ledger, forge = await opened(tmp_path / "sluice.db"), MemoryForge(now=lambda: AT)
    forge.create_repository(repository_of(TARGET), {"README": b"models"})
    versions = [a_version("1", model) for model in ("a", "b", "c")]
    for version in versions:
        await merged(ledger, forge, version)
    await ledger.database.write(
        lambda connection: (
            connection.execute(
                schema.event.update()
                .where(schema.event.c.model_key == versions[0].key)
                .where(schema.event.c.type == VersionRegistered.type_name())
                .values(data='{"flavor": "new"}')
            ).rowcount
        )
    )
    source = ProposalsSource(
        forges={"local": forge},
        policies=lambda: Policies((POLICY,)),
        people=People(git={}),
        log=ledger.log,
        views=ledger.views,
    )
    problem = (await source.look())["forge local"]
    waiting = await ledger.views.find(Promotion, state="proposed")
    judged = await ledger.views.find(Promotion, state="bypassed")
    await ledger.close()
    print(f"judged: {[str(one.version) for one in judged]}; {problem}")
    assert [one.version for one in waiting] == versions[:1]
    assert [one.version for one in judged] == versions[1:]
    assert f"promotion {waiting[0].id} cannot be judged: the event " in problem
    assert WROTE in problem


async def merged(ledger: Ledger, forge: MemoryForge, version: Version) -> None:
    """Let a version be proposed, and merged by somebody whom nobody allowed to."""
    slot, where = slot_of(TARGET, version.model), repository_of(TARGET)
    wish = requested(version).model_copy(update={"slot": slot})
    promotion_id = promotion_id_of(wish.head.id)
    content = f"kind: InferenceService\nmetadata: {{name: {version.model}}}\n".encode()
    files = ((slot.file, content),)
    await forge.commit(where, promotion_id, await forge.head(where), files, "m", AT)
    opened_as = await forge.open(where, promotion_id, "t", "b", promotion_id)
    proposed = PromotionProposed(
        head=wish.leads_to(PromotionProposed, About.of(version, TARGET.name)),
        promotion_id=promotion_id,
        version=version,
        target=TARGET.name,
        slot=slot,
        uri="s3://x",
        proposal=opened_as.ref,
        edits=(),
    )
    await ledger.log.append([registered(version), wish, proposed])
    forge.person_merges(where, promotion_id, "Eve E")
