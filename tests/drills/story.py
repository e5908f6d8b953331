"""One drill's story, told through the outside only, and what it left behind.

A pipeline and a person do their part over HTTP and try again whenever the processor is not
there; the processor is started again whenever it is gone.
"""

import asyncio
import json
import multiprocessing
import os
import signal
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from typing import Any

import aiohttp

from tests.drills.guards import Guard
from tests.drills.ledger_file import LedgerFile
from tests.drills.spawned import main
from tests.drills.world import MODEL, World
from tests.parts.mlflow import MlflowServer

CONFIG = """\
mode: full
registry: {{id: main, url: "http://127.0.0.1:9", quiet: 0.3s}}
poll: {{changes: 0.05s, models: 0.05s, reconcile: 2s, proposals: 0.05s, rollouts: 0.05s}}
ledger: {{path: sluice.db}}
forges: {{local: {{local: {{path: forge, quiet: 0.3s}}}}}}
clusters: {{local: {{local: {{url: "http://127.0.0.1:9"}}}}}}
web: {{listen: "127.0.0.1:{port}", events_token_file: token, sign_in_file: sign-in.json}}
people: {{ana: {{}}, ben: {{}}}}
policies: [policy.yaml]
"""
POLICY = """\
models: "fraud"
gates:
  - {metric: accuracy, better: higher, at_least: 0.9}
  - {metric: loss, better: lower, against: serving, worse_by_at_most: {absolute: 0.05}}
targets:
  - name: production
    slot: {forge: local, repository: acme/gitops}
    edits:
      - file: "apps/production/{model}.yaml"
        set: {spec.predictor.model.storageUri: "{uri}", metadata.labels.model-version: "{version}"}
    cluster: local
    approval: {people: [ana, ben], merge: sluice}
    rollout: {deadline: 60s, stable: 0.1s}
    registry: {on_gates: ["stage:Staging"], on_merge: ["stage:Production"],
               on_serving: ["alias:champion"]}
"""
RUNS = {
    "run-1": {"accuracy": "0.93", "loss": "0.30"},
    "run-2": {"accuracy": "0.96", "loss": "0.20"},
    "run-3": {"accuracy": "0.80", "loss": "0.60"},
}
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.drills.spawned"])
_PATIENCE = 90.0


@dataclass
class Told:
    """What one telling of the story left behind, by who was asked."""

    events: Counter[tuple[str, ...]]
    marks: dict[str, str]
    created: Counter[str]
    proposals: Counter[str]
    merges: int
    told: set[str]
    kills: int
    unfinished: int
    sending: int
    points: list[str]
    work: dict[str, int]
    effects: dict[str, int]
    main_uri: str


@dataclass
class Story:
    """The story over one world; `fatal` is the point that kills the first processor."""

    world: World
    port: int
    fatal: int | str = 0
    off: Guard = ""
    runs: tuple[str, ...] = ("run-1", "run-2", "run-3")
    mlflow: MlflowServer | None = None
    kills: int = 0
    unfinished: int = 0
    sending: int = 0
    _process: BaseProcess | None = None
    _ana: str = ""
    _approved: set[str] = field(default_factory=set)

    async def tell(self) -> Told:
        """Tell it to its end; return what it left."""
        folder = self.world.folder
        (folder / "sluice.yaml").write_text(CONFIG.format(port=self.port))
        (folder / "policy.yaml").write_text(POLICY)
        (folder / "token").write_text("drill-token\n")
        others = [
            asyncio.create_task(self._keep_it_running()),
            asyncio.create_task(self._approve()),
        ]
        telling = asyncio.create_task(self._tell())
        try:
            done, _ = await asyncio.wait(
                {telling, *others}, timeout=_PATIENCE, return_when=asyncio.FIRST_COMPLETED
            )
            assert done, f"not told to its end within {_PATIENCE} s: see {folder}"
            for task in done:
                await task
        finally:
            for task in (telling, *others):
                task.cancel()
                with suppress(asyncio.CancelledError, AssertionError):
                    await task
            await self._stop()
        return await self._left_behind()

    async def _tell(self) -> None:
        """Be everybody but the processor."""
        for run in self.runs:
            run_id = await self._train(run)
            await self._emit(run_id)
            await self._until_told(run, run_id)
        await self._until_quiet()

    async def _train(self, run: str) -> str:
        """Be the training run; return its id in the registry."""
        if self.mlflow is None:
            self.world.registry.finish_run("default", run, metrics=RUNS[run], user="tara")
            return run
        run_id = await asyncio.to_thread(self.mlflow.log_model)
        for name, value in RUNS[run].items():
            metric = {"run_id": run_id, "key": name, "value": float(value), "timestamp": 1}
            await asyncio.to_thread(self.mlflow.call, "POST", "runs/log-metric", metric)
        return run_id

    async def _created(self) -> Counter[str]:
        """Ask the registry how many versions each run has."""
        if self.mlflow is None:
            seen = await self.world.registry.versions("default", 0)
            return Counter(one.run_id for one in seen)
        listed = await asyncio.to_thread(
            self.mlflow.call, "GET", "model-versions/search", filter=f"name='{MODEL}'"
        )
        mine = {run for (run,) in self._ledger.ask(_RUNS_TOLD)}
        return Counter("run" for one in listed["model_versions"] if one["run_id"] in mine)

    async def _keep_it_running(self) -> None:
        """Start the processor, and start it again whenever it is gone."""
        folder = self.world.folder
        fatal = self.fatal
        while True:
            args = (
                folder / "sluice.yaml",
                self.world.url,
                folder / "points.txt",
                fatal,
            )
            more = {"off": self.off, "mlflow": self.mlflow.url if self.mlflow else ""}
            self._process = _CONTEXT.Process(target=main, args=args, kwargs=more, daemon=True)
            self._process.start()
            while self._process.is_alive():
                await asyncio.sleep(0.02)
            assert self._process.exitcode == -signal.SIGKILL, "it ended by itself: see log.txt"
            self.kills += 1
            self.unfinished += self._ledger.unfinished()
            self.sending += self._ledger.sending()
            fatal = 0

    async def _stop(self) -> None:
        """Stop it as an operator would."""
        if self._process is None or not self._process.is_alive():
            return
        os.kill(self._process.pid or 0, signal.SIGTERM)
        await asyncio.to_thread(self._process.join, 20)
        code = self._process.exitcode
        just_begun = {-signal.SIGTERM} if self.kills else set()
        assert code in {0} | just_begun, f"it did not drain on SIGTERM but ended {code}"

    async def _http(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"http://127.0.0.1:{self.port}{path}", **more) as answer,
        ):
            return answer.status, await answer.json(content_type=None)

    async def _emit(self, run: str) -> None:
        """Be the pipeline: say the same event until somebody has it."""
        event = {
            "specversion": "1.0",
            "id": f"done-{run}",
            "source": "/pipelines/drill",
            "type": "sluice.training.completed.v1",
            "data": {"run_id": run, "model": MODEL, "registration": "please"},
        }
        headers = {
            "Authorization": "Bearer drill-token",
            "Content-Type": "application/cloudevents+json",
        }
        while True:
            with suppress(aiohttp.ClientError):
                status, said = await self._http(
                    "POST", "/events", data=json.dumps(event), headers=headers
                )
                if status < 300:
                    return
                assert status >= 500, said
            await asyncio.sleep(0.05)

    async def _approve(self) -> None:
        """Be ana: approve every proposal, with one key each, until it is taken."""
        while True:
            await asyncio.sleep(0.05)
            with suppress(aiohttp.ClientError, OSError, json.JSONDecodeError):
                _, found = await self._http("GET", "/v1/promotions")
                waiting = [one for one in found["promotions"] if one["state"] == "proposed"]
                for one in waiting:
                    if one["id"] not in self._approved:
                        await self._approve_one(one)

    async def _approve_one(self, promotion: dict[str, Any]) -> None:
        if not self._ana:
            links = json.loads((self.world.folder / "sign-in.json").read_text())
            token = links["ana"].partition("token=")[2]
            status, session = await self._http("POST", "/sign-in", json={"token": token})
            if status != 200:
                return
            self._ana = session["token"]
        status, _ = await self._http(
            "POST",
            f"/v1/promotions/{promotion['id']}/approve",
            json={"head_sha": promotion["proposal"]["head_sha"]},
            headers={"Authorization": f"Bearer {self._ana}", "Idempotency-Key": promotion["id"]},
        )
        if status == 401:
            self._ana = ""
        if status < 300:
            self._approved.add(promotion["id"])

    @property
    def _ledger(self) -> LedgerFile:
        return LedgerFile(self.world.folder / "sluice.db")

    async def _until_told(self, run: str, run_id: str) -> None:
        """Wait until a version has served, or was refused."""
        good = float(RUNS[run]["accuracy"]) >= 0.9
        kind = "sluice.rollout.succeeded.v1" if good else "sluice.evaluation.failed.v1"
        while not self._ledger.ask(
            "SELECT 1 FROM event AS seen JOIN event AS told"
            " ON told.type = ? AND told.subject LIKE seen.subject || '%'"
            " WHERE seen.type = 'sluice.model_version.registered.v1'"
            " AND json_extract(seen.data, '$.run_id') = ?",
            kind,
            run_id,
        ):
            await asyncio.sleep(0.03)

    async def _until_quiet(self) -> None:
        """Wait until nothing is left to do, and stays so for a while."""
        calm = 0
        while calm < 8:
            calm = calm + 1 if self._ledger.unfinished() == 0 else 0
            await asyncio.sleep(0.05)

    async def _left_behind(self) -> Told:
        """Ask everybody what there is now."""
        events: Counter[tuple[str, ...]] = Counter()
        marks: dict[str, str] = {}
        for kind, subject, data in self._ledger.ask(
            "SELECT type, subject, data FROM event ORDER BY seq"
        ):
            fact = json.loads(data)
            where = _plain(subject)
            if kind in _OBSERVATIONS:
                marks[f"{where} {fact.get('alias') or fact.get('mark') or 'stage'}"] = str(
                    fact.get("new") or fact.get("number") or fact.get("value") or ""
                )
            elif kind not in _PASSING:
                verdicts = [result["verdict"] for result in fact.get("results", ())]
                events[kind, where, str(fact.get("target", "")), ",".join(verdicts)] += 1
        refs = await self.world.git(
            "for-each-ref", "--format=%(refname)", "refs/sluice/proposals/*/meta"
        )
        bodies = [
            json.loads(await self.world.git("show", f"{ref}:proposal.json")) for ref in refs.split()
        ]
        main_text = await self.world.git("show", "main:apps/production/fraud.yaml")
        points = (self.world.folder / "points.txt").read_text().splitlines()
        return Told(
            events=events,
            marks=marks,
            created=await self._created(),
            proposals=Counter(body["title"] for body in bodies if not body.get("void")),
            merges=int(await self.world.git("rev-list", "--merges", "--count", "main")),
            told={key for key, _ in self.world.channel.told},
            kills=self.kills,
            unfinished=self.unfinished,
            sending=self.sending,
            points=points,
            work=dict(self._ledger.ask("SELECT state, count(*) FROM work GROUP BY state")),
            effects=dict(self._ledger.ask("SELECT state, count(*) FROM effect GROUP BY state")),
            main_uri=next(line for line in main_text.splitlines() if "storageUri" in line).strip(),
        )


_OBSERVATIONS = {
    "sluice.model_version.stage_changed.v1",
    "sluice.model_version.marked.v1",
    "sluice.alias.set.v1",
    "sluice.alias.removed.v1",
}
_RUNS_TOLD = (
    "SELECT json_extract(data, '$.run_id') FROM event WHERE type = 'sluice.training.completed.v1'"
)
_PASSING = {
    "sluice.rollout.progressed.v1",
}


def _plain(subject: str) -> str:
    """Return a subject without the creation time, which differs from telling to telling."""
    return "/".join(
        part.partition(".")[0] if part[:1].isdigit() else part for part in subject.split("/")
    )
