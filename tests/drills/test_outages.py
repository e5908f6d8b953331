"""Nobody has to type anything: outages are waited out, a stopped process keeps its ledger."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.drills.story import CONFIG, POLICY, Story
from tests.drills.world import open_world

pytestmark = pytest.mark.real


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def ask(port: int, path: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, json.loads(refusal.read())
    except OSError:
        return 0, None


async def until_down(port: int, product: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            status, found = await asyncio.to_thread(ask, port, "/readyz")
            state = (found or {}).get("dependencies", {}).get(product, {})
            if state.get("state") == "down":
                assert status == 200, "an outage elsewhere does not make us useless"
                return dict(state)
            await asyncio.sleep(0.05)


async def test_a_registry_that_is_down_at_start_is_waited_for(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.registry.down = True
        story = Story(world, free_port(), runs=("run-1",))
        telling = asyncio.create_task(story.tell())
        state = await until_down(story.port, "registry")
        assert state["problem"]
        await asyncio.sleep(1)
        assert not telling.done()
        assert world.registry.wrote == []
        world.registry.down = False
        told = await telling
        assert told.created == Counter({"run-1": 1})
        assert told.merges == 1
        assert "dead" not in told.work


async def test_a_cluster_that_goes_down_in_the_middle_costs_only_time(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.cluster.down = "no route to it"
        story = Story(world, free_port(), runs=("run-1",))
        telling = asyncio.create_task(story.tell())
        await until_down(story.port, "cluster local")
        async with asyncio.timeout(30):
            while await world.git("rev-list", "--merges", "--count", "main") != "1\n":
                await asyncio.sleep(0.05)
        world.cluster.down = ""
        told = await telling
        assert told.merges == 1
        assert "dead" not in told.work


def test_a_second_run_is_refused_by_name_while_the_first_is_stopped(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "sluice.yaml").write_text(CONFIG.format(port=port))
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "token").write_text("t\n")
    command = [sys.executable, "-m", "processor", "run", "--config", str(tmp_path / "sluice.yaml")]
    with (tmp_path / "log.txt").open("w") as out:
        first = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            deadline = time.monotonic() + 30
            while ask(port, "/healthz")[0] != 200:
                assert time.monotonic() < deadline, (tmp_path / "log.txt").read_text()
                time.sleep(0.05)
            os.kill(first.pid, signal.SIGSTOP)
            second = subprocess.run(
                command, capture_output=True, text=True, timeout=60, check=False
            )
            assert second.returncode != 0
            assert f"in use by process {first.pid}" in second.stderr
            assert len(second.stderr.strip().splitlines()) == 1
            os.kill(first.pid, signal.SIGCONT)
            assert ask(port, "/healthz")[0] == 200
            first.terminate()
            assert first.wait(30) == 0
            third = subprocess.Popen(command, stdout=out, stderr=out)
            while ask(port, "/healthz")[0] != 200:
                time.sleep(0.05)
            third.terminate()
            assert third.wait(30) == 0
        finally:
            first.kill()
            first.wait()
