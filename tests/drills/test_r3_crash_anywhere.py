"""R3: killed at every point, the story ends as if nothing had happened."""

import asyncio
import os
import socket
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.drills.guards import Guard
from tests.drills.story import Story, Told
from tests.drills.world import open_world
from tests.parts.mlflow import MlflowServer

pytestmark = pytest.mark.real

SHORT = ("run-1", "run-3")
"""One version goes all the way, one is refused."""
LONG = ("run-1", "run-2", "run-3")
"""One more replaces the first."""
_SIDE_BY_SIDE = max(2, os.cpu_count() or 2)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def _told(
    folder: Path,
    runs: tuple[str, ...],
    fatal: int | str = 0,
    *,
    off: Guard = "",
    mlflow: MlflowServer | None = None,
) -> Told:
    folder.mkdir(parents=True)
    async with open_world(folder) as world:
        story = Story(world, _free_port(), fatal=fatal, off=off, runs=runs, mlflow=mlflow)
        return await story.tell()


def _differences(told: Told, uncrashed: Told) -> list[str]:
    """Return where a telling ended otherwise than the uncrashed one, as the outside sees it."""
    pairs = {
        "events": (told.events, uncrashed.events),
        "marks": (told.marks, uncrashed.marks),
        "versions created": (told.created, uncrashed.created),
        "proposals": (told.proposals, uncrashed.proposals),
        "merges": (told.merges, uncrashed.merges),
        "announcements": (len(told.told), len(uncrashed.told)),
        "main": (told.main_uri, uncrashed.main_uri),
    }
    return [
        f"{name}: {was} instead of {want}" for name, (was, want) in pairs.items() if was != want
    ]


async def _all(
    folder: Path, runs: tuple[str, ...], points: Sequence[int | str], *, off: Guard = ""
) -> dict[int | str, Told]:
    """Tell the story once per fatal point, a few side by side."""
    gate = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def one(point: int | str) -> tuple[int | str, Told]:
        async with gate:
            return point, await _told(folder / str(point), runs, point, off=off)

    return dict(await asyncio.gather(*(one(point) for point in points)))


def _kinds(told: Told) -> Counter[tuple[str, ...]]:
    """Return (type, target, verdict) of every event but of versions that were there before."""
    kinds: Counter[tuple[str, ...]] = Counter()
    for (kind, _, *rest), count in told.events.items():
        if kind != "sluice.model_version.observed.v1":
            kinds[kind, *rest] += count
    return kinds


def _where(told: Told) -> str:
    """Return the name of the point that killed."""
    return next((line.split(" ", 1)[1] for line in told.points if line.endswith("KILL")), "none")


@pytest.mark.parametrize(("runs", "every"), [(SHORT, 1), (LONG, 9)], ids=["short", "long"])
async def test_a_crash_at_any_point_changes_nothing_that_anybody_can_see(
    tmp_path: Path, runs: tuple[str, ...], every: int, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    uncrashed = await _told(tmp_path / "uncrashed", runs)
    assert uncrashed.kills == 0
    assert uncrashed.created == Counter(dict.fromkeys(runs, 1))
    assert uncrashed.merges == len(runs) - 1
    points = list(range(1, len(uncrashed.points) + 1, every))
    ended = await _all(tmp_path, runs, points)
    wrong = {point: found for point in points if (found := _differences(ended[point], uncrashed))}
    killed = Counter(_where(told).removesuffix(" KILL") for told in ended.values() if told.kills)
    with capsys.disabled():
        took = time.monotonic() - began
        print(f"\nR3 {runs}: {len(points)} of {len(uncrashed.points)} points, {took:.0f} s")
        print(f"  kills by point: {dict(killed)}; ended otherwise: {len(wrong)}")
        unfinished = sum(told.unfinished > 0 for told in ended.values())
        sending = sum(told.sending > 0 for told in ended.values())
        print(f"  on unfinished work: {unfinished}, between sending and done: {sending}")
    assert not wrong, "\n".join(f"point {at} {_where(ended[at])}: {w}" for at, w in wrong.items())
    assert sum(killed.values()) >= 0.9 * len(points)
    assert unfinished * 2 >= sum(killed.values())
    assert sending * 5 >= sum(killed.values())


async def test_on_a_real_mlflow_a_crash_beside_a_write_changes_nothing_either(
    tmp_path: Path, mlflow_server: MlflowServer, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = ("run-1",)
    uncrashed = await _told(tmp_path / "uncrashed", runs, mlflow=mlflow_server)
    fatal = ("after create_version", "after set_alias")
    ended = [await _told(tmp_path / at, runs, at, mlflow=mlflow_server) for at in fatal]
    with capsys.disabled():
        print(f"\nR3 on MLflow {mlflow_server.version}, pid {mlflow_server.pid}:")
        print(f"  killed at {[_where(told) for told in ended]}, created {uncrashed.created}")
    for told in ended:
        assert told.kills == 1
        assert told.created == uncrashed.created == Counter({"run": 1})
        assert told.merges == uncrashed.merges == 1
        assert _kinds(told) == _kinds(uncrashed)
        assert set(told.marks.values()) >= {"Production"}


async def test_control_without_memory_of_its_writes_a_crash_doubles_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Not "after open": the next attempt clears the branch of the one before anyway.
    answered = ("after create_version",)
    ended = await _all(tmp_path, SHORT, answered, off="memory")
    doubled = sum(
        max(told.created.values()) > 1 or max(told.proposals.values()) > 1
        for told in ended.values()
    )
    with capsys.disabled():
        print(
            f"\nR3 control, memory off: {len(answered)} kills, {doubled} doubled an outside write"
        )
    assert doubled == len(answered)
