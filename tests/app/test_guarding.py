"""Every part of the outside has a breaker; who keeps the time of its requests keeps it alone."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from processor.adapters.clusters.local import LocalCluster
from processor.adapters.http import Answer, Http
from processor.adapters.registries.mlflow import MlflowRegistry
from processor.app import guarding
from processor.app.guarding import guarded_outside
from processor.app.outside import Outside
from processor.engine.dependencies import KnownStates
from processor.errors import Unavailable
from processor.testing.clock import JumpingClock
from processor.testing.evaluator import MemoryEvaluator


@dataclass(kw_only=True)
class Pages(Http):
    """A server whose listings take many requests, each of them well within its time."""

    product: str = "x"
    base_url: str = "http://x"
    asked: list[str] = field(default_factory=list)

    async def get(self, path: str, **_: Any) -> Answer:
        self.asked.append(path)
        await asyncio.sleep(0.02)
        number = len(self.asked)
        row = {"name": f"m{number}", "creation_timestamp": 1, "last_updated_timestamp": 1}
        more = {"next_page_token": f"after {number}"} if number < 5 else {}
        return Answer(200, json.dumps({"registered_models": [row], **more}).encode())


class Silent:
    """A part that keeps no time."""

    async def check(self) -> str:
        await asyncio.Event().wait()
        return ""

    async def tell(self, _key: str, _text: str) -> None:
        await asyncio.Event().wait()


async def test_only_who_keeps_no_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarding, "LIMIT", 0.05)
    registry = MlflowRegistry(registry_id="main", http=Pages())
    silent: Any = Silent()
    outside = guarded_outside(
        Outside(
            registry=registry,
            registry_writer=registry,
            forges={"acme": silent},
            forge_writers={"acme": silent},
            clusters={"prod": LocalCluster(name="prod", http=Pages()), "test": silent},
            endpoints={"chat": silent},
            evaluator=MemoryEvaluator(),
        ),
        KnownStates(clock=JumpingClock()),
    )
    assert len(await outside.registry.models("default")) == 5, "it took twice the limit"
    assert await outside.clusters["prod"].check()
    for asked in (
        outside.forges["acme"].check(),
        outside.clusters["test"].check(),
        outside.endpoints["chat"].tell("k", "t"),
    ):
        with pytest.raises(Unavailable, match=r"gave no answer within 0\.05 s"):
            await asked
