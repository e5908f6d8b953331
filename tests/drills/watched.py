"""A real MLflow server and a real git repository, each behind somebody who notes what is asked.

For drills about what may not be written: a proxy before MLflow writes down every request, the
forge's writing half every call, and git itself says which refs there are.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from sqlalchemy import text

from processor.adapters.forges.local import create_repository
from processor.adapters.ledgers import Ledger
from processor.app.lifecycle import live
from processor.app.outside import open_outside
from processor.app.program import assemble
from processor.engine.clock import SystemClock
from processor.events.codec import decode_foreign
from processor.settings.load import load
from processor.testing.channel import MemoryChannel
from processor.testing.cluster import MemoryCluster
from processor.values.serving import Workload
from tests.parts.mlflow import MlflowServer

_CONFIG = """\
mode: {mode}
registry:
  id: main
  url: "{url}"
  quiet: 1s
  artifact_roots: {{"mlflow-artifacts:/": "s3://models/"}}
poll: {{changes: 0.1s, models: 0.5s, reconcile: 30s, proposals: 0.1s, rollouts: 0.1s}}
ledger: {{path: sluice.db}}
forges: {{local: {{local: {{path: forge, quiet: 1s}}}}}}
clusters: {{local: {{local: {{url: "http://127.0.0.1:9"}}}}}}
web: {{listen: "127.0.0.1:0"}}
policies: ["policy.yaml"]
"""
_POLICY = """\
models: "fraud*"
gates: [{metric: accuracy, better: higher, at_least: 0.9}]
targets:
  - name: production
    slot: {forge: local, repository: acme/gitops}
    edits:
      - file: "apps/{model}.yaml"
        set: {spec.predictor.model.storageUri: "{uri}"}
    cluster: local
    approval: automatic
    rollout: {deadline: 60s, stable: 0.1s}
    registry: {on_gates: ["stage:Staging", "alias:challenger"], on_serving: ["alias:champion"]}
"""
_MANIFEST = b"""\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: fraud
spec:
  predictor:
    model:
      modelFormat:
        name: mlflow
      storageUri: ""
"""
_WORKLOAD = Workload("local", "InferenceService", "fraud", "default")
_UNSETTLED = (
    "SELECT (SELECT count(*) FROM work WHERE state IN ('ready','running','waiting'))"
    " + (SELECT count(*) FROM event WHERE pos IS NULL OR dispatched = 0)"
)
_WRITING = frozenset(
    {"commit", "delete_branch", "open", "close", "merge", "set_status", "set_comment"}
)


@dataclass
class Noted:
    """A forge's writing half that notes every call of it."""

    part: Any
    wrote: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        found = getattr(self.part, name)
        if name not in _WRITING:
            return found

        async def noted(*args: object) -> Any:
            self.wrote.append(name)
            return await found(*args)

        return noted


@dataclass
class Watched:
    """The outside of one drill; `mode` is the one that runs, empty between two runs."""

    folder: Path
    server: MlflowServer
    proxy: str
    session: aiohttp.ClientSession
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    forge: Noted = field(default_factory=lambda: Noted(None))
    cluster: MemoryCluster = field(default_factory=lambda: MemoryCluster(name="local"))
    channel: MemoryChannel = field(default_factory=lambda: MemoryChannel(name="log"))
    mode: str = ""
    refs_before: str = ""

    @property
    def repository(self) -> Path:
        return self.folder / "forge" / "acme" / "gitops.git"

    async def forward(self, request: web.Request) -> web.Response:
        """Be the proxy: note it, and pass it on."""
        self.asked.append((self.mode, request.method, request.path))
        async with self.session.request(
            request.method,
            f"{self.server.url}{request.rel_url}",
            data=await request.read(),
            headers={"Content-Type": request.headers.get("Content-Type", "application/json")},
        ) as answer:
            kind = answer.headers.get("Content-Type", "application/json")
            return web.Response(
                status=answer.status, body=await answer.read(), headers={"Content-Type": kind}
            )

    @asynccontextmanager
    async def running(self, mode: str) -> AsyncIterator[Ledger]:
        """Run the program in a mode."""
        (self.folder / "sluice.yaml").write_text(_CONFIG.format(mode=mode, url=self.proxy))
        loaded = load(self.folder / "sluice.yaml")
        clock = SystemClock()
        async with open_outside(loaded) as real:
            self.forge.part = real.forge_writers["local"]
            noted: Any = self.forge
            outside = replace(
                real,
                forge_writers={"local": noted},
                clusters={"local": self.cluster},
                endpoints={"log": self.channel},
            )
            ledger = await Ledger.open(self.folder / "sluice.db", "main", clock)
            program = assemble(loaded, ledger, outside, clock)
            self.mode = mode
            living = asyncio.create_task(live(program))
            following = asyncio.create_task(self._follow_main())
            self._append = ledger.log.append
            try:
                yield ledger
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
                program.stopping.set()
                await living
                await ledger.close()
                self.mode = ""

    # --- what pipelines and people do, past the proxy -----------------------------------------

    async def train(self) -> str:
        """Be a training run that ends well; return its id."""
        run = await asyncio.to_thread(self.server.log_model)
        metric = {"run_id": run, "key": "accuracy", "value": 0.95, "timestamp": 1}
        await asyncio.to_thread(self.server.call, "POST", "runs/log-metric", metric)
        return run

    async def emit(self, run: str, model: str, time: int = 1) -> None:
        """Be the pipeline: ask that the run be registered, for the first time or again."""
        attributes = {
            "specversion": "1.0",
            "id": f"done-{run}-{time}",
            "source": "/pipelines/drill",
            "type": "sluice.training.completed.v1",
        }
        data = {"run_id": run, "model": model, "registration": "please"}
        event = decode_foreign(attributes, data, registry_id="main", awaited=frozenset())
        await self._append([event])

    async def register_by_hand(self, run: str, model: str) -> None:
        """Be a person: register the run's model themselves."""
        call: Callable[..., Any] = self.server.call
        await asyncio.to_thread(call, "POST", "registered-models/create", {"name": model})
        found = await asyncio.to_thread(call, "GET", "runs/get", run_id=run)
        [output] = found["run"]["outputs"]["model_outputs"]
        body = {
            "name": model,
            "run_id": run,
            "source": f"models:/{output['model_id']}",
            "model_id": output["model_id"],
        }
        await asyncio.to_thread(call, "POST", "model-versions/create", body)

    async def _follow_main(self) -> None:
        """Be the GitOps controller and the cluster."""
        running = ""
        while True:
            shown = await self.git("show", "main:apps/fraud.yaml")
            line = next((line for line in shown.splitlines() if "storageUri" in line), "")
            uri = line.partition(":")[2].strip().strip('"')
            if uri and uri != running:
                self.cluster.apply(_WORKLOAD, uri)
                self.cluster.serve(_WORKLOAD)
                running = uri
            await asyncio.sleep(0.1)

    # --- what there is to see -------------------------------------------------------------------

    async def git(self, *words: str) -> str:
        """Ask the bare repository with plain git."""
        process = await asyncio.create_subprocess_exec(
            "git", "-C", str(self.repository), *words, stdout=asyncio.subprocess.PIPE
        )
        try:
            out, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()
        return out.decode()

    async def refs(self) -> str:
        return await self.git("for-each-ref")

    async def merges(self) -> int:
        return int(await self.git("rev-list", "--merges", "--count", "main"))

    def written_to_mlflow(self) -> list[str]:
        """Return every request that is not a plain read."""
        return [f"{method} {path}" for _, method, path in self.asked if method != "GET"]

    def asked_of_mlflow(self) -> int:
        return len(self.asked)

    def asked_while(self, mode: str) -> int:
        return Counter(one for one, _, _ in self.asked)[mode]

    @property
    def told(self) -> int:
        return len(self.channel.told)

    async def until(self, ledger: Ledger, query: str, *, times: int = 1) -> None:
        """Wait until a count is reached."""
        async with asyncio.timeout(60):
            while await self._number(ledger, query) < times:
                await asyncio.sleep(0.05)

    async def until_calm(self, ledger: Ledger) -> None:
        """Wait until nothing is left to do, and stays so for a while."""
        calm = 0
        async with asyncio.timeout(60):
            while calm < 20:
                calm = calm + 1 if await self._number(ledger, _UNSETTLED) == 0 else 0
                await asyncio.sleep(0.05)

    @staticmethod
    async def _number(ledger: Ledger, query: str) -> int:
        def job(connection: Any) -> int:
            return int(connection.execute(text(query)).scalar())

        return await ledger.database.read(job)


@asynccontextmanager
async def watched(folder: Path, server: MlflowServer) -> AsyncIterator[Watched]:
    """Open the proxy and make the repository."""
    (folder / "policy.yaml").write_text(_POLICY)
    async with aiohttp.ClientSession() as session:
        outside = Watched(folder, server, "", session)
        outside.repository.parent.mkdir(parents=True)
        await create_repository(
            outside.repository, {"apps/fraud.yaml": _MANIFEST}, "Begin the GitOps repository"
        )
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", outside.forward)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        outside.proxy = f"http://127.0.0.1:{runner.addresses[0][1]}"
        outside.refs_before = await outside.refs()
        try:
            yield outside
        finally:
            await runner.cleanup()
