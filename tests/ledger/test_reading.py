"""What the ledger answers without reading everything it holds."""

from pathlib import Path

from processor.adapters.ledgers import Ledger
from processor.events import ForeignReported, VersionDeleted
from processor.testing.clock import JumpingClock
from processor.values.about import About
from processor.views.as_of import FoldedViews
from tests.make import a_version, registered


def reported(model: str, number: str) -> ForeignReported:
    about = About("main", "default", model)
    return ForeignReported(
        head=ForeignReported.heading(about, number),
        type="scan.completed",
        model=model,
        version=number,
        verdict="passed",
    )


async def test_models_come_in_the_order_they_were_met(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "sluice.db", "main", JumpingClock())
    for number, model in enumerate(("zeta", "a/b", "zeta", "mid"), start=1):
        await ledger.log.append([registered(a_version(str(number), model, number))])
    gone = a_version("2", "a/b", 2)
    deleted = VersionDeleted(head=VersionDeleted.heading(About.of(gone), "x"), version=gone)
    await ledger.log.append([deleted])
    everyone = ["main/default/zeta", "main/default/a%2Fb", "main/default/mid"]
    assert await ledger.views.models() == everyone
    assert await ledger.views.models("live") == ["main/default/zeta", "main/default/mid"]
    assert await ledger.views.models("deleted") == ["main/default/a%2Fb"]
    await ledger.close()


async def test_no_model_is_no_model() -> None:
    assert await FoldedViews({}).models() == []


async def test_events_of_one_type_about_one_model(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "sluice.db", "main", JumpingClock())
    await ledger.log.append([registered(a_version())])
    mine = [reported("fraud", "1"), reported("fraud", "2")]
    for one in (*mine, reported("other", "1")):
        await ledger.log.append([one])
    found = await ledger.log.of_type(ForeignReported, "main/default/fraud")
    assert [one.event for one in found] == mine
    await ledger.close()
