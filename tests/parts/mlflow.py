"""A real MLflow server on a free loopback port: newest or old, on SQLite or PostgreSQL.

Started once per test session with its environment's own interpreter; its pipeline and its people
speak plain REST, so the test process never imports mlflow. One script logs a model as a training
pipeline does, another is a client that goes straight to the database (`beside`).
"""

import importlib.util
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from processor.demo.processes import Process, free_port, start, stop
from tests.parts import announce, missing, old_mlflow
from tests.parts.postgres import Postgres

_START_SECONDS = 180
_PLAIN: Mapping[str, str] = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Its own webhooks are refused on the loopback address unless it is told otherwise.
    "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
    "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
    "MLFLOW_WEBHOOK_CACHE_TTL": "1",  # else one just made may be silent for a minute
}
_TRAINING = """
import warnings
warnings.simplefilter("ignore")
import mlflow
from sklearn.linear_model import LinearRegression
with mlflow.start_run() as run:
    mlflow.sklearn.log_model(LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0]), name="model")
print("run", run.info.run_id)
"""


@dataclass(frozen=True)
class MlflowServer:
    """A running server; `database` is where its tables are, `python` what it runs on."""

    url: str
    version: str
    pid: int
    artifacts: Path
    database: str = ""
    python: str = sys.executable

    def call(self, method: str, path: str, body: object = None, **params: str) -> Any:
        query = f"?{urllib.parse.urlencode(params)}" if params else ""
        request = urllib.request.Request(
            f"{self.url}/api/2.0/mlflow/{path}{query}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{path}: {error.code} {error.read()!r}") from None

    def log_model(self) -> str:
        """Train and log a tiny model as a pipeline would; return the run's id."""
        done = subprocess.run(
            [sys.executable, "-c", _TRAINING],
            env={**os.environ, "MLFLOW_TRACKING_URI": self.url, "MLFLOW_DISABLE_TELEMETRY": "true"},
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return next(line.split()[1] for line in done.stdout.splitlines() if line.startswith("run "))


@contextmanager
def running_mlflow(
    folder: Path,
    *,
    database: str = "",
    python: str = sys.executable,
    environment: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
    prefix: str = "",
) -> Iterator[MlflowServer]:
    """Run a server over a database of its own (SQLite in `folder` unless said).

    `prefix` is the path all of it is under.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}{prefix}"
    where = database or f"sqlite:///{folder / 'mlflow.db'}"
    path = f"{Path(python).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    process = start(
        "mlflow",
        [
            *(python, "-m", "mlflow", "server", "--host", "127.0.0.1"),
            *("--port", str(port), "--workers", "1"),
            *("--backend-store-uri", where),
            *("--artifacts-destination", str(folder / "artifacts")),
            *(("--static-prefix", prefix) if prefix else ()),
            *arguments,
        ],
        log=folder / "log",
        env={**os.environ, **_PLAIN, "PATH": path, **(environment or {})},
        folder=folder,
    )
    try:
        version = _await(process, url)
        yield MlflowServer(url, version, process.pid, folder / "artifacts", where, python)
    finally:
        stop([process])


@pytest.fixture(scope="session")
def mlflow_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MlflowServer]:
    """The newest there is, on SQLite."""
    _installed()
    with running_mlflow(tmp_path_factory.mktemp("mlflow")) as server:
        announce(request, f"MLflow {server.version} pid {server.pid} at {server.url}, on SQLite")
        yield server


@pytest.fixture(scope="session")
def mlflow_on_postgres(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres: Postgres
) -> Iterator[MlflowServer]:
    """The same on PostgreSQL."""
    _installed()
    database = postgres.create("mlflow")
    with running_mlflow(tmp_path_factory.mktemp("mlflow-pg"), database=database) as server:
        said = f"MLflow {server.version} pid {server.pid} at {server.url}"
        announce(request, f"{said}, on PostgreSQL {postgres.version} pid {postgres.pid}")
        yield server


@pytest.fixture(scope="session")
def old_mlflow_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MlflowServer]:
    """The oldest we answer for, in an environment of its own, on SQLite."""
    python = old_mlflow.interpreter()
    if python is None:
        missing(f"MLflow {old_mlflow.VERSION} has no environment here")
    folder = tmp_path_factory.mktemp("old-mlflow")
    with running_mlflow(folder, python=str(python)) as server:
        announce(request, f"MLflow {server.version} pid {server.pid} at {server.url}, on SQLite")
        yield server


def _installed() -> None:
    if importlib.util.find_spec("mlflow") is None:
        missing("mlflow is not installed here")


def _await(process: Process, url: str) -> str:
    """Wait until it is healthy; return its version."""
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        if process.exit_code is not None:
            raise AssertionError(f"mlflow server ended: {process.log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2) as response:
                response.read()
            return version_of(url)
        except OSError:
            time.sleep(0.3)
    raise AssertionError(f"mlflow server not healthy: {process.log.read_text()[-2000:]}")


def version_of(url: str) -> str:
    """Return what a server says it is; with basic auth it says so only to those it knows."""
    try:
        with urllib.request.urlopen(f"{url}/version", timeout=10) as response:
            text: str = response.read().decode()
            return text
    except urllib.error.HTTPError as refusal:
        with refusal:
            return "" if refusal.code == 401 else "unknown"
