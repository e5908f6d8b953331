"""A ledger with something in it, for tests about its file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlalchemy import Connection, select

from processor.adapters.ledgers import Ledger, schema
from processor.adapters.ledgers.copying import connected
from processor.events import Event, PromotionApproved, PromotionProposed, ServingChanged
from processor.ports.work import Turn
from processor.testing.clock import JumpingClock
from processor.values.about import About
from processor.values.principal import SLUICE, Principal
from processor.values.promotion import promotion_id_of
from processor.values.proposal import ProposalRef
from processor.values.version import Version
from tests.make import SLOT, a_version, registered, requested


def one_turn(event: Event) -> list[Turn]:
    return [Turn("handler", "", event.head.key)]


def no_turn(_: Event) -> list[Turn]:
    return []


async def opened(path: Path, clock: JumpingClock | None = None) -> Ledger:
    return await Ledger.open(path, "main", clock or JumpingClock())


async def fill(ledger: Ledger, *numbers: int, model: str = "fraud") -> None:
    """Tell of versions, placed and dispatched, with no work left over."""
    await say(ledger, *(registered(a_version(str(n), model), f"run-{n}") for n in numbers))


async def say(ledger: Ledger, *events: Event) -> None:
    """Append events, give them places and leave no work over."""
    for event in events:
        await ledger.log.append([event])
    while await ledger.log.place(500):
        pass
    while await ledger.work.dispatch(no_turn):
        pass


def promoted(version: Version, discriminator: str = "1") -> Sequence[Event]:
    """Return the events of a version that was asked for, proposed, merged and serves."""
    wish = requested(version, discriminator, Principal("ana", "authenticated"))
    about = About.of(version, "production")
    common = {"promotion_id": promotion_id_of(wish.head.id), "version": version, "slot": SLOT}
    proposed = PromotionProposed.model_validate(
        {
            **common,
            "head": wish.leads_to(PromotionProposed, about),
            "target": "production",
            "uri": f"s3://models/{version.number}",
            "proposal": ProposalRef(1, "url", f"sluice/{version.number}", "a" * 40, "b" * 40),
            "edits": (),
        }
    )
    approved = PromotionApproved.model_validate(
        {
            **common,
            "head": PromotionApproved.heading(about, f"merge-{version.number}", actor=SLUICE),
            "target": "production",
            "uri": f"s3://models/{version.number}",
            "merge_sha": "c" * 40,
            "merged_by": SLUICE,
            "approvals": (Principal("bo", "authenticated"),),
        }
    )
    serving = ServingChanged(
        head=ServingChanged.heading(
            About("main", "default", version.model, None, "production"), f"1:{version.number}"
        ),
        target="production",
        slot=SLOT,
        uri=f"s3://models/{version.number}",
        version=version,
        approved=True,
        promotion_id=common["promotion_id"],
    )
    return [wish, proposed, approved, serving]


Stand = Mapping[str, Mapping[str, tuple[str, str, str, str]]]
"""Every view by name: its rows by key, the oldest first, as (model, slot, state, data)."""


def stand(connection: Connection) -> Stand:
    """Return every view as it is stored now."""
    return {
        table.name.removeprefix("view_"): {
            row.key: (row.model, row.slot, row.state, row.data)
            for row in connection.execute(select(table).order_by(table.c.n))
        }
        for table in schema.views.values()
    }


def views_of(path: Path) -> Stand:
    """Return every view as the file has it."""
    with connected(path) as connection:
        return stand(connection)
