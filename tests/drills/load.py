"""What goes on outside while the processor lives and dies: pipelines train, ana approves.

A pipeline says each event again until somebody has it, in order; it goes on when the outside
shows that its good version serves, or, once nobody dies any more, when nothing moves.
"""

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.drills.fleet import Fleet, Model

_HEADERS = {
    "Authorization": "Bearer drill-token",
    "Content-Type": "application/cloudevents+json",
}
_AWAY = (aiohttp.ClientError, OSError, TimeoutError, ValueError)


@dataclass
class Load:
    """The pipelines of every model, and the people; `said` are the runs by model, as accepted."""

    fleet: Fleet
    port: int
    dice: random.Random
    bad: int
    session: aiohttp.ClientSession
    said: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    good: set[str] = field(default_factory=set)
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    stuck: asyncio.Event = field(default_factory=asyncio.Event)
    _token: str = ""
    _approved: set[str] = field(default_factory=set)

    async def pipeline(self, model: Model) -> None:
        """Train round after round until there is enough: some bad versions, then a good one."""
        turn = 0
        while not self.enough.is_set() and not self.stuck.is_set():
            turn += 1
            runs = [f"{model.name}-{turn}-{at}" for at in range(self.dice.randint(0, self.bad) + 1)]
            self.good.add(runs[-1])
            for run in runs:
                accuracy = "0.95" if run in self.good else "0.5"
                metrics = {"accuracy": accuracy}
                self.fleet.registry.finish_run("default", run, metrics=metrics, user="tara")
                await self._emit(model, run)
            while not self.serves(model, runs[-1]) and not self.stuck.is_set():
                await asyncio.sleep(0.05)

    def serves(self, model: Model, run: str) -> bool:
        """Tell whether the channel was told that a run's version serves."""
        return any(
            f"{row.version} rollout succeeded (production)" in self.fleet.channel.facts
            for row in self.fleet.versions(model)
            if row.run_id == run
        )

    async def ana(self) -> None:
        """Approve every proposal people are asked about, with one key each, until it is taken."""
        asked = {model.name for model in self.fleet.models if model.asked}
        while True:
            await asyncio.sleep(0.1)
            with suppress(*_AWAY):
                _, found = await self._http("GET", "/v1/promotions?state=proposed")
                for one in found["promotions"]:
                    if one["model"] in asked and one["id"] not in self._approved:
                        await self._approve(one)

    async def _approve(self, promotion: Mapping[str, Any]) -> None:
        if not self._token:
            links = json.loads((self.fleet.folder / "sign-in.json").read_text())
            token = links["ana"].partition("token=")[2]
            status, session = await self._http("POST", "/sign-in", json={"token": token})
            if status != 200:
                return
            self._token = session["token"]
        headers = {"Authorization": f"Bearer {self._token}", "Idempotency-Key": promotion["id"]}
        status, _ = await self._http(
            "POST",
            f"/v1/promotions/{promotion['id']}/approve",
            json={"head_sha": promotion["proposal"]["head_sha"]},
            headers=headers,
        )
        if status == 401:
            self._token = ""
        if status < 300:
            self._approved.add(promotion["id"])

    async def _emit(self, model: Model, run: str) -> None:
        """Say that a run has ended until somebody has it."""
        event = {
            "specversion": "1.0",
            "id": f"done-{run}",
            "source": "/pipelines/drill",
            "type": "sluice.training.completed.v1",
            "data": {"run_id": run, "model": model.name, "registration": "please"},
        }
        while True:
            with suppress(*_AWAY):
                status, said = await self._http(
                    "POST", "/events", data=json.dumps(event), headers=_HEADERS
                )
                if status == 202:
                    self.said[model.name].append(run)
                    return
                assert status >= 500, said
            await asyncio.sleep(0.03)

    async def _http(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        url = f"http://127.0.0.1:{self.port}{path}"
        async with self.session.request(method, url, **more) as answer:
            return answer.status, await answer.json(content_type=None)
