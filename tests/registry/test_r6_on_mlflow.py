"""R6 on a real MLflow: no hook reaches us and the poller is cut off; each change is told once.

The control is a receiver of MLflow's own webhook that never goes away: what it hears of is what
somebody would know who took hooks for the truth.
"""

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from threading import Thread

import pytest
from sqlalchemy import Connection, select

from processor.adapters.ledgers import rows, schema
from processor.engine.clock import SystemClock
from processor.engine.dependencies import KnownStates
from processor.events import Event
from processor.rules.pace import Rhythm
from processor.sources.findings import Findings
from processor.sources.pace import Course
from processor.sources.schedule import keep_looking
from tests.parts.mlflow import MlflowServer
from tests.registry.changing import HOOKED, STAGES, TAG, Change, Field, judge
from tests.registry.doors import Rest
from tests.registry.operations import Step, made_version
from tests.registry.watching import Watching, running
from tests.report import Row, tell, timed

_MODELS, _KILLS = 20, 10
_EVERY = {"changes": 0.2, "models": 0.6, "reconcile": 1.5}
_VERSIONS = ("1", "2")
_HOOKS = {"MODEL_VERSION_TAG": "SET", "MODEL_VERSION_ALIAS": "CREATED"}


def _fields(prefix: str) -> list[Field]:
    found: list[Field] = []
    for model in (f"{prefix}{number}" for number in range(_MODELS)):
        for kind in ("stage", "description", "tag"):
            found += [(kind, model, number) for number in _VERSIONS]
        found += [("alias", model, name) for name in ("champion", "challenger")]
        found += [(kind, model, "") for kind in ("model description", "model tag")]
    return found


def _step(field: Field, value: str) -> Step:
    kind, model, which = field
    about = {"name": model}
    match kind:
        case "stage":
            return Step(
                "transition_model_version_stage", about | {"version": which, "stage": value}
            )
        case "description":
            return Step("update_model_version", about | {"version": which, "description": value})
        case "tag":
            tagged = {"version": which, "key": TAG, "value": value}
            return Step("set_model_version_tag", about | tagged)
        case "alias":
            return Step("set_registered_model_alias", about | {"alias": which, "version": value})
        case "model description":
            return Step("update_registered_model", about | {"description": value})
        case _:
            return Step("set_registered_model_tag", about | {"key": TAG, "value": value})


def _value(dice: Random, field: Field, number: int) -> str:
    if field[0] == "stage":
        return dice.choice([one for one in STAGES if one != "None"])
    return dice.choice(_VERSIONS) if field[0] == "alias" else f"value {number}"


@contextmanager
def _receiving(server: MlflowServer) -> Iterator[list[dict[str, str]]]:
    """Receive MLflow's own webhook; give what it said."""
    heard: list[dict[str, str]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["data"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as receiver:
        Thread(target=receiver.serve_forever, daemon=True).start()
        events = [{"entity": entity, "action": action} for entity, action in _HOOKS.items()]
        url = f"http://127.0.0.1:{receiver.server_port}/"
        made = server.call("POST", "webhooks", {"name": "r6", "url": url, "events": events})
        yield heard
        server.call("DELETE", f"webhooks/{made['webhook']['webhook_id']}")
        receiver.shutdown()


def _names(hook: dict[str, str], change: Change) -> bool:
    kind, model, which = change.field
    if hook["name"] != model or kind not in HOOKED:
        return False
    if kind == "alias":
        return (hook.get("alias"), hook["version"]) == (which, change.value)
    return (hook["version"], hook.get("value")) == (which, change.value)


async def _live(ledger: Path, url: str) -> None:
    """Poll until cut off."""
    clock = SystemClock()
    async with running(ledger, url) as watching, asyncio.TaskGroup() as group:
        source = watching.source
        looks = (source.look_changes, source.look_models, source.reconcile)
        for (name, every), look in zip(_EVERY.items(), looks, strict=True):
            group.create_task(
                keep_looking(
                    look,
                    course=Course(name=name, rhythm=Rhythm(every), clock=clock),
                    products=["registry"],
                    clock=clock,
                    findings=Findings(dependencies=KnownStates(clock=clock)),
                    wake=asyncio.Event(),
                )
            )


async def _cut(living: "asyncio.Task[None]") -> None:
    living.cancel()
    await asyncio.gather(living, return_exceptions=True)


async def _told(watching: Watching, after: int) -> list[tuple[float, Event]]:
    def job(connection: Connection) -> list[tuple[float, Event]]:
        ordered = select(schema.event).order_by(schema.event.c.seq).offset(after)
        found = [rows.recorded(row) for row in connection.execute(ordered)]
        return [(one.observed_at.timestamp(), one.event) for one in found]

    return await watching.ledger.database.read(job)


async def _drill(
    server: MlflowServer, ledger: Path, seed: int
) -> tuple[list[Change], Sequence[tuple[float, Event]]]:
    dice, door = Random(seed), Rest(server)
    fields = _fields(f"r6-{server.pid}-")
    for model in sorted({field[1] for field in fields}):
        door.do(Step("create_registered_model", {"name": model}))
        for _ in _VERSIONS:
            door.do(made_version(model))
    async with running(ledger, server.url) as watching:
        await watching.look()
        known = len(await watching.events())
    dice.shuffle(fields)
    fatal = set(dice.sample(range(len(fields)), _KILLS))
    made: list[Change] = []
    living = asyncio.create_task(_live(ledger, server.url))
    for number, field in enumerate(fields):
        value = _value(dice, field, number)
        made.append(Change(time.time(), field, value))
        await asyncio.to_thread(door.do, _step(field, value))
        await asyncio.sleep(dice.uniform(0, 0.05))
        if number in fatal:
            await _cut(living)
            living = asyncio.create_task(_live(ledger, server.url))
    await _cut(living)
    async with running(ledger, server.url) as watching:
        for _ in range(2):
            await watching.look()
        return made, await _told(watching, known)


@pytest.mark.real
@pytest.mark.parametrize("on", ["mlflow_server", "mlflow_on_postgres"])
def test_each_change_is_told_once_without_any_hook(
    on: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    server: MlflowServer = request.getfixturevalue(on)
    with timed() as minutes, _receiving(server) as heard:
        made, told = asyncio.run(_drill(server, tmp_path / "ledger.db", seed=6))
        judged = judge(made, told)
    unheard = [one for one in made if not any(_names(hook, one) for hook in heard)]
    database = server.database.partition(":")[0]
    tell(
        Row(
            drill=f"R6 on MLflow {server.version} over {database}",
            size=f"{judged.made} changes of single fields",
            kills=f"{_KILLS}, each right after a change",
            ours=f"{len(judged.lost)} lost, {len(judged.beside)} doubled or made up",
            control=f"hooks trusted as truth: {len(unheard)} lost, {len(heard)} hooks came",
            minutes=minutes[0],
        )
    )
    assert judged.made == 200
    assert (judged.lost, judged.beside) == ([], [])
    assert unheard
