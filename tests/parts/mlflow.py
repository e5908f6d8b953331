"""A real MLflow server on a free loopback port.

Started once per test session with the environment's own interpreter; its pipeline and its people
speak plain REST, so the test process never imports mlflow. One script logs a model as a training
pipeline does.
"""

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_START_SECONDS = 180
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
    url: str
    version: str
    pid: int
    artifacts: Path

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


@pytest.fixture(scope="session")
def mlflow_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MlflowServer]:
    """The server; stopped by its process group at the end."""
    if importlib.util.find_spec("mlflow") is None:
        missing = "mlflow is not installed here: `make test` installs it and runs this"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with (folder / "log").open("wb") as out:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"),
                *("--port", str(port), "--workers", "1"),
                *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
                *("--artifacts-destination", str(folder / "artifacts")),
            ],
            cwd=folder,
            env={
                **os.environ,
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                "MLFLOW_DISABLE_TELEMETRY": "true",
            },
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        version = _await(process, url, folder / "log")
        reporter = request.config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(f"\nMLflow {version} pid {process.pid} at {url}")
        yield MlflowServer(url, version, process.pid, folder / "artifacts")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _await(process: subprocess.Popen[bytes], url: str, log: Path) -> str:
    """Wait until it is healthy; return its version."""
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise AssertionError(f"mlflow server ended: {log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2) as response:
                response.read()
            with urllib.request.urlopen(f"{url}/version", timeout=10) as response:
                text: str = response.read().decode()
                return text
        except OSError:
            time.sleep(0.3)
    raise AssertionError(f"mlflow server not healthy: {log.read_text()[-2000:]}")
