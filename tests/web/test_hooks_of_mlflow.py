"""MLflow's own webhook, signed by MLflow itself, reaches the door and is heard."""

import asyncio
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from processor.values.wakeup import Hinted
from tests.contracts.registries import RealPipeline
from tests.parts.mlflow import MlflowServer
from tests.views.world import World
from tests.web.site import Running, running

pytestmark = pytest.mark.real

SECRET = "a-secret-of-some-length"
EVENTS = [
    {"entity": "REGISTERED_MODEL", "action": "CREATED"},
    {"entity": "MODEL_VERSION", "action": "CREATED"},
    {"entity": "MODEL_VERSION_TAG", "action": "SET"},
    {"entity": "MODEL_VERSION_TAG", "action": "DELETED"},
    {"entity": "MODEL_VERSION_ALIAS", "action": "CREATED"},
    {"entity": "MODEL_VERSION_ALIAS", "action": "DELETED"},
    {"entity": "PROMPT", "action": "CREATED"},
]
_CACHED = 90.0  # seconds MLflow may keep to the list of webhooks it had before


async def _heard(site: Running, subject: Hinted) -> bool:
    """Wait a moment until a subject was named."""
    for _ in range(40):
        if any(one[1] == subject for one in site.hooks.put_there):
            return True
        await asyncio.sleep(0.1)
    return False


async def _until_heard(
    site: Running, deed: Callable[[], object], subject: Callable[[], Hinted]
) -> None:
    """Do something until MLflow tells of it: at first it may not know of its own webhook."""
    until = time.monotonic() + _CACHED
    while True:
        site.hooks.put_there.clear()
        await asyncio.to_thread(deed)
        if await _heard(site, subject()):
            return
        assert time.monotonic() < until, "no webhook came"


async def test_what_mlflow_signs_is_heard_and_every_kind_names_its_subject(
    mlflow_server: MlflowServer, tmp_path: Path
) -> None:
    async with running(World(), tmp_path) as site:
        site.hook_file.write_text(f"the-old-one\n{SECRET}\n")
        now = time.time()
        site.world.clock.correct(now - site.world.clock.now().timestamp())
        body = {
            "name": f"sluice-{uuid.uuid4().hex[:6]}",
            "url": f"{site.url}/hooks/mlflow",
            "events": EVENTS,
            "secret": SECRET,
        }
        made = await asyncio.to_thread(mlflow_server.call, "POST", "webhooks", body)
        try:
            await _story(mlflow_server, site)
        finally:
            number = made["webhook"]["webhook_id"]
            await asyncio.to_thread(mlflow_server.call, "DELETE", f"webhooks/{number}")
        assert all(delivery for _, _, delivery in site.hooks.put_there)
        assert site.world.appends == 0, "a hook is no event"


async def _story(server: MlflowServer, site: Running) -> None:
    """Do everything MLflow tells of, until it is heard of; each names what it is about."""
    pipeline = RealPipeline(server, "", None)  # type: ignore[arg-type]  # it reads nothing here
    models: list[str] = []
    numbers: list[str] = []

    def create() -> None:
        models.append(f"hooked-{uuid.uuid4().hex[:6]}")
        pipeline.create_model(models[-1])

    await _until_heard(site, create, lambda: Hinted(models[-1]))
    model = models[-1]
    run = await asyncio.to_thread(pipeline.run, {}, ())

    def register() -> None:
        numbers.append(pipeline.register(model, run))

    await _until_heard(site, register, lambda: Hinted(model, numbers[-1]))
    deeds: tuple[tuple[Callable[[], None], Hinted], ...] = (
        (lambda: pipeline.put_tag(model, "1", "k", "v"), Hinted(model, "1")),
        (lambda: pipeline.drop_tag(model, "1", "k"), Hinted(model, "1")),
        (lambda: pipeline.put_alias(model, "champion", "1"), Hinted(model)),
        (lambda: pipeline.put_alias(model, "champion", ""), Hinted(model)),
    )
    for deed, subject in deeds:
        await _until_heard(site, deed, lambda subject=subject: subject)  # type: ignore[misc]
