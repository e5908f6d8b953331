"""What every ClusterReader must do; the same cases for the fake and the real thing."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from processor.adapters.clusters.local import LocalCluster
from processor.adapters.http import Http
from processor.demo.processes import free_port
from processor.errors import Unavailable
from processor.ports.reading.cluster import ClusterReader
from processor.testing.cluster import MemoryCluster
from processor.values.serving import Observation, Workload
from tests.demo import parts

WORK = Workload("c", "InferenceService", "m")


class Bench(Protocol):
    @property
    def reader(self) -> ClusterReader: ...
    @property
    def uris(self) -> list[str]: ...

    async def apply(self, uri: str) -> None: ...
    async def breaks(self) -> None: ...
    async def until(self, holds: Callable[[Observation], bool]) -> Observation: ...


@dataclass
class InMemory:
    reader: MemoryCluster
    uris: list[str]

    async def apply(self, uri: str) -> None:
        self.reader.apply(WORK, uri)
        if uri in self.uris:
            self.reader.serve(WORK)
        else:
            self.reader.fail(WORK, f"{uri}: there is no MLmodel file")

    async def breaks(self) -> None:
        self.reader.fail(WORK, "the model server ended", silent=True)

    async def until(self, holds: Callable[[Observation], bool]) -> Observation:
        seen = await self.reader.observe(WORK)
        assert holds(seen)
        return seen


@dataclass
class Real:
    reader: LocalCluster
    uris: list[str]
    repository: parts.Repository
    url: str

    async def apply(self, uri: str) -> None:
        self.repository.serve(uri)

    async def breaks(self) -> None:
        pid = parts.status(self.url)["workloads"]["InferenceService/default/m"]["pid"]
        os.kill(pid, signal.SIGKILL)

    async def until(self, holds: Callable[[Observation], bool]) -> Observation:
        for _ in range(600):
            if holds(seen := await self.reader.observe(WORK)):
                return seen
            await asyncio.sleep(0.1)
        raise AssertionError("it did not come to that within a minute")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    found = parts.save_models(tmp_path_factory.mktemp("models"), 2)
    return [f"file://{path}" for path in found]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[parts.Repository, str]]:
    folder = tmp_path_factory.mktemp("cluster")
    repository = parts.new_repository(folder)
    repository.commit({"README": "nothing yet"})
    with parts.running_cluster(repository, folder) as url:
        yield repository, url


@pytest.fixture(params=["memory", pytest.param("local", marks=pytest.mark.real)])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    if request.param == "memory":
        yield InMemory(MemoryCluster(name="c"), ["file:///1", "file:///2"])
        return
    repository, url = request.getfixturevalue("running")
    uris = request.getfixturevalue("saved")
    repository.commit({"README": "nothing"})
    async with Http(product="cluster c", base_url=url) as http:
        real = Real(LocalCluster(name="c", http=http), uris, repository, url)
        await real.until(lambda seen: seen.applied_uri is None and seen.endpoint is None)
        yield real


async def unknown(bench: Bench) -> None:
    """A workload the cluster does not have is a problem in words, not an error."""
    seen = await bench.reader.observe(WORK)
    assert (seen.applied_uri, seen.serving_uri, seen.prediction) == (None, None, None)
    assert "InferenceService/default/m" in seen.problem


async def comes_up(bench: Bench) -> None:
    """What is applied serves once a prediction came back."""
    await bench.apply(bench.uris[0])
    seen = await bench.until(lambda seen: seen.serving_uri is not None)
    assert seen.applied_uri == seen.serving_uri == bench.uris[0]
    assert seen.prediction is not None
    assert len(json.loads(seen.prediction)["predictions"]) == 1
    assert seen.endpoint is not None
    assert seen.problem == ""
    assert seen.workload == WORK


async def next_one(bench: Bench) -> None:
    """The next version takes over."""
    await bench.apply(bench.uris[0])
    await bench.until(lambda seen: seen.serving_uri == bench.uris[0])
    await bench.apply(bench.uris[1])
    await bench.until(lambda seen: seen.serving_uri == bench.uris[1])


async def old_stays(bench: Bench) -> None:
    """A version that cannot be loaded is a problem, and the old one goes on serving."""
    await bench.apply(bench.uris[0])
    await bench.until(lambda seen: seen.serving_uri == bench.uris[0])
    await bench.apply("file:///nowhere")
    seen = await bench.until(lambda seen: seen.problem != "")
    assert (seen.applied_uri, seen.serving_uri) == ("file:///nowhere", bench.uris[0])
    assert "file:///nowhere" in seen.problem
    assert seen.prediction is not None


async def goes_silent(bench: Bench) -> None:
    """What does not answer does not serve, whatever was applied."""
    await bench.apply(bench.uris[0])
    await bench.until(lambda seen: seen.serving_uri == bench.uris[0])
    await bench.breaks()
    seen = await bench.until(lambda seen: seen.serving_uri is None)
    assert seen.applied_uri == bench.uris[0]
    assert seen.prediction is None
    assert seen.problem


async def checks(bench: Bench) -> None:
    """`check` is one line."""
    line = await bench.reader.check()
    assert "cluster" in line
    assert "\n" not in line


CASES: list[Callable[[Bench], Awaitable[None]]] = [
    unknown,
    comes_up,
    next_one,
    old_stays,
    goes_silent,
    checks,
]


def test_number_of_cases() -> None:
    assert len(CASES) == 6


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
async def test_contract(bench: Bench, case: Callable[[Bench], Awaitable[None]]) -> None:
    await case(bench)
    assert await bench.reader.check()  # and it is still there afterwards


@pytest.fixture(params=["memory", "local"])
async def down(request: pytest.FixtureRequest) -> AsyncIterator[ClusterReader]:
    if request.param == "memory":
        yield MemoryCluster(name="c", down="connection refused")
        return
    base = f"http://127.0.0.1:{free_port()}"
    async with Http(product="cluster c", base_url=base, attempts=1) as http:
        yield LocalCluster(name="c", http=http)


async def test_down_is_unavailable(down: ClusterReader) -> None:
    with pytest.raises(Unavailable, match="cluster c"):
        await down.observe(WORK)
    with pytest.raises(Unavailable, match="cluster c"):
        await down.check()


@pytest.mark.real
async def test_a_bad_commit_changes_nothing(
    running: tuple[parts.Repository, str], saved: list[str]
) -> None:
    repository, url = running
    repository.serve(saved[0])

    def serving() -> Any:
        told = parts.status(url)
        work = told["workloads"].get("InferenceService/default/m", {})
        return told if work.get("serving_uri") == saved[0] else None

    parts.eventually(serving)
    repository.commit({"m.yaml": "a: [1\n"})
    told = parts.eventually(lambda: (told := parts.status(url))["problem"] and told)
    assert "m.yaml" in told["problem"]
    assert serving()
