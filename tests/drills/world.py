"""The outside world of a drill: registry, cluster and channel, in the test's own process.

The processor under drill is another process and reaches this one over HTTP; git is real and
shared through the file system. Nothing here remembers what the processor thinks: it is the judge.
"""

import asyncio
import pickle
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from processor.adapters.forges.local import create_repository
from processor.engine.clock import SystemClock
from processor.errors import SluiceError, Unavailable
from processor.testing.cluster import MemoryCluster
from processor.testing.registry import MemoryRegistry
from processor.values.serving import Workload

MODEL = "fraud"
MANIFEST = b"""\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: fraud
  labels:
    model-version: "0"
spec:
  predictor:
    model:
      modelFormat:
        name: mlflow
      storageUri: ""
"""
WORKLOAD = Workload("local", "InferenceService", "fraud", "default")


@dataclass(frozen=True)
class Failed:
    """What a part raised, on its way to the other process."""

    outage: bool
    reason: str


@dataclass
class Channel:
    """Who was told what: every arrival, and what a receiver that knows effect keys shows."""

    told: list[tuple[str, str]] = field(default_factory=list)
    shown: dict[str, str] = field(default_factory=dict)
    facts: set[str] = field(default_factory=set)

    async def tell(self, effect_key: str, text: str) -> None:
        self.told.append((effect_key, text))
        self.shown.setdefault(effect_key, text)
        self.facts.add(fact_in(text))


def fact_in(text: str) -> str:
    """Return what a message tells, without its details: `fraud v7 promotion proposed (x)`."""
    return text.partition(":")[0]


@dataclass
class World:
    """One outside, for one processor."""

    folder: Path
    registry: MemoryRegistry
    cluster: MemoryCluster = field(default_factory=lambda: MemoryCluster(name="local"))
    channel: Channel = field(default_factory=Channel)
    url: str = ""

    @property
    def repository(self) -> Path:
        return self.folder / "forge" / "acme" / "gitops.git"

    async def git(self, *words: str) -> str:
        """Ask the bare repository with plain git."""
        return await git(self.repository, *words)

    async def follow_main(self) -> None:
        """Be the GitOps controller and the cluster: run what main says."""
        running = ""
        while True:
            text = await self.git("show", "main:apps/production/fraud.yaml")
            uri = uri_in(text)
            if uri and uri != running:
                self.cluster.apply(WORKLOAD, uri)
                self.cluster.serve(WORKLOAD)
                running = uri
            await asyncio.sleep(0.03)


def uri_in(manifest: str) -> str:
    """Return the storage URI a manifest names, empty while it names none."""
    lines = (line for line in manifest.splitlines() if "storageUri" in line)
    return next((line.split(":", 1)[1].strip().strip('"') for line in lines), "")


async def git(repository: Path, *words: str) -> str:
    """Ask a bare repository with plain git."""
    process = await asyncio.create_subprocess_exec(
        "git", "-C", str(repository), *words, stdout=asyncio.subprocess.PIPE
    )
    try:
        out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    return out.decode()


@asynccontextmanager
async def answering(parts: Mapping[str, object]) -> AsyncIterator[str]:
    """Let the other process call these parts; yield the url under which each has its name."""

    async def call(request: web.Request) -> web.Response:
        method, args = pickle.loads(await request.read())
        answer: object
        try:
            answer = await getattr(parts[request.match_info["part"]], method)(*args)
        except SluiceError as problem:
            answer = Failed(isinstance(problem, Unavailable), str(problem))
        return web.Response(body=pickle.dumps(answer))

    app = web.Application(client_max_size=2**24)
    app.router.add_post("/{part}", call)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def open_world(folder: Path) -> AsyncIterator[World]:
    """Open one outside: a repository with the model's manifest, and the HTTP side of the rest."""
    world = World(folder, MemoryRegistry(registry_id="main", clock=SystemClock()))
    world.repository.parent.mkdir(parents=True)
    await create_repository(
        world.repository, {"apps/production/fraud.yaml": MANIFEST}, "Begin the GitOps repository"
    )
    parts = {"registry": world.registry, "cluster": world.cluster, "channel": world.channel}
    async with answering(parts) as world.url:
        following = asyncio.create_task(world.follow_main())
        try:
            yield world
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
