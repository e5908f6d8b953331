"""The two ways into a registry: its REST interface, and its database as another client's store.

The second is MLflow's own client in a process of its own with the database as its registry, as
people run it without a server: nothing of it passes the server we watch.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, Protocol

from tests.parts.mlflow import MlflowServer
from tests.registry.operations import Step

DoorName = Literal["REST", "database"]
_REST: Mapping[str, tuple[str, str]] = {
    "create_registered_model": ("POST", "registered-models/create"),
    "rename_registered_model": ("POST", "registered-models/rename"),
    "delete_registered_model": ("DELETE", "registered-models/delete"),
    "update_registered_model": ("PATCH", "registered-models/update"),
    "set_registered_model_tag": ("POST", "registered-models/set-tag"),
    "delete_registered_model_tag": ("DELETE", "registered-models/delete-tag"),
    "create_model_version": ("POST", "model-versions/create"),
    "delete_model_version": ("DELETE", "model-versions/delete"),
    "update_model_version": ("PATCH", "model-versions/update"),
    "transition_model_version_stage": ("POST", "model-versions/transition-stage"),
    "set_model_version_tag": ("POST", "model-versions/set-tag"),
    "delete_model_version_tag": ("DELETE", "model-versions/delete-tag"),
    "set_registered_model_alias": ("POST", "registered-models/alias"),
    "delete_registered_model_alias": ("DELETE", "registered-models/alias"),
}


class Door(Protocol):
    """What carries a step out."""

    def do(self, step: Step) -> None: ...


@dataclass(frozen=True)
class Rest:
    """The server's own interface."""

    server: MlflowServer

    def do(self, step: Step) -> None:
        method, path = _REST[step.method]
        self.server.call(method, path, dict(step.arguments))


@dataclass(frozen=True)
class Database:
    """Another client of the same database."""

    said: IO[str]
    heard: IO[str]

    def do(self, step: Step) -> None:
        self.said.write(json.dumps([step.method, dict(step.arguments)]) + "\n")
        self.said.flush()
        answer = self.heard.readline()
        if answer != "done\n":
            raise AssertionError(f"{step}: {answer!r}")


@contextmanager
def beside(server: MlflowServer, log: Path) -> Iterator[Database]:
    """Run the other client."""
    script = Path(__file__).with_name("store_client.py")
    with log.open("a") as out:
        process = subprocess.Popen(
            [server.python, str(script), server.database],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=out,
            text=True,
        )
    assert process.stdin
    assert process.stdout
    with process:
        try:
            yield Database(process.stdin, process.stdout)
        finally:
            process.stdin.close()
            process.wait(30)
