"""`sluice doctor` beside a running process: what that waits for is said too."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from processor.events import WritesPaused
from processor.values.about import About
from tests.settings.test_load import POLICY, SLUICE
from tests.views.world import ANA, World
from tests.web.site import running
from tests.web.test_looks import looking

pytestmark = pytest.mark.real


async def doctor(here: Path) -> list[str]:
    command = [sys.executable, "-m", "processor", "doctor"]
    path = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=here, env=path, capture_output=True, text=True, check=False
    )
    return done.stdout.splitlines()


async def test_an_open_breaker_and_a_pause_of_the_running_process_are_named(
    tmp_path: Path,
) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/fraud.yaml").write_text(POLICY)
    world = World()
    world.report("registry", opened := "refused (its breaker is open: one call every 30 s at most)")
    world.report("forge acme")
    kind = WritesPaused
    for key in ("", "main/default/fraud"):
        head = kind.heading(About.keyed(key or "main"), key, actor=ANA)
        world.tell(kind(head=head, model_key=key, reason="3 a.m."))
    async with running(world, tmp_path) as site:
        listen = urlsplit(site.url).netloc
        (tmp_path / "sluice.yaml").write_text(SLUICE + f'web: {{listen: "{listen}"}}\n')
        beside = await doctor(tmp_path)
    alone = await doctor(tmp_path)
    by_ana = "paused by ana: 3 a.m.; they go on with: sluice resume"
    assert beside[-3:] == [
        f"not ok: registry: the running process waits: {opened}",
        f"not ok: writes: {by_ana}",
        f"not ok: writes about fraud: {by_ana} --model fraud",
    ]
    assert not any("waits" in line or "paused" in line for line in alone)


async def test_a_look_that_is_stretched_is_told_with_what_lets_it_come_more_often(
    tmp_path: Path,
) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/fraud.yaml").write_text(POLICY)
    world = World()
    said = "every 7.4 s instead of 2 s: a look costs 74 ms"
    world.looking = {
        name: looking(name, pace=pace)
        for name, pace in (("registry.changes", said), ("registry.models", ""))
    }
    async with running(world, tmp_path) as site:
        listen = urlsplit(site.url).netloc
        (tmp_path / "sluice.yaml").write_text(SLUICE + f'web: {{listen: "{listen}"}}\n')
        lines = await doctor(tmp_path)
    assert lines[-1] == (
        f"ok: registry.changes: the running process looks {said}; poll.max_load lets it look more "
        "often"
    )
    assert not any("registry.models" in line for line in lines)
