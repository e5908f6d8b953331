"""From observe to full: what waited goes on once, under its own name, and nothing stays behind.

Control: without the reaction to mode.changed nothing ever goes on.
"""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from processor.handlers.propose import Propose
from tests.drills.downtime import WHERE, Lives
from tests.simulation.loop import virtually

POLICY = """\
gates:
  - {metric: accuracy, better: higher, at_least: 0.9}
targets:
  - name: production
    slot: {forge: local, repository: acme/gitops}
    edits: [{file: "apps/production/{model}.yaml", set: {spec.uri: "{uri}"}}]
    cluster: production
    approval: {people: [ana, ben], merge: sluice}
    registry: {on_gates: ["stage:Staging"]}
"""


async def widened(folder: Path) -> tuple[Lives, Counter[str]]:
    """Watch three versions come, then be allowed to act on them; return the open pull requests."""
    lives = Lives(folder, {"fraud": POLICY})
    async with lives.life("observe"):
        for number in range(3):
            lives.train("fraud", f"run-{number}")
            await asyncio.sleep(5)
    assert len(lives.told("promotion.requested")) == 3
    assert lives.forge.writes == []
    for _ in range(2):
        async with lives.life("full"):
            await asyncio.sleep(20)
    return lives, Counter(one.title for one in await lives.forge.list_open(WHERE))


def test_the_newest_goes_on_and_the_others_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("real", "control"):
        (tmp_path / name).mkdir()
    lives, opened = virtually(widened(tmp_path / "real"))
    assert len(lives.told("mode.changed")) == 1
    assert opened == {"Promote fraud v3 to production": 1}
    assert len(lives.told("promotion.superseded")) == 2
    assert len(lives.told("promotion.requested")) == 3, "nothing was asked for twice"
    assert [one.value for one in lives.registry.wrote if one.by == "sluice"] == ["Staging"] * 3
    assert lives.work("dead") == 0

    async def deaf(*_: object) -> tuple[()]:
        return ()

    waiting = Propose._waiting
    monkeypatch.setattr(
        Propose,
        "_waiting",
        lambda self, event: (deaf if event.kind == "mode.changed" else waiting)(self, event),
    )
    left, none = virtually(widened(tmp_path / "control"))
    behind = len(left.told("promotion.requested")) - len(left.told("promotion.superseded"))
    print(f"open after the change: {opened.total()}, without the reaction: {none.total()}")
    assert none.total() == 0
    assert behind == 3
