"""Run one workload: a real MLflow scoring server for the storage URI Git names.

Place in the flow: `demo/cluster` holds one `Rollout` per InferenceService and steps it a few
times a second. A new server comes up beside the old one and takes over only when it has answered
a real prediction; until then, and whenever it fails, the old one goes on serving.
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from processor.demo.http import NoAnswer, call
from processor.demo.processes import Process, free_port, start, stop

_LONGEST = 30.0  # seconds between attempts at a server that does not come up
_PATIENCE = 120.0  # seconds a server may take before the workload says so
_EXAMPLE = "serving_input_example.json"
_APP = "mlflow.pyfunc.scoring_server.app:app"


class CannotLoad(Exception):
    """The URI holds nothing a server could load; the message says what is missing."""


@dataclass(kw_only=True)
class ModelServer:
    """One scoring server and the artifact it was started with."""

    uri: str
    port: int
    process: Process
    example: Any

    @property
    def endpoint(self) -> str:
        """Return its base URL."""
        return f"http://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        """Tell whether it predicts for its own input example right now."""
        try:
            call(f"{self.endpoint}/ping", timeout=1.0)
            said = call(f"{self.endpoint}/invocations", body=self.example, timeout=5.0)
        except NoAnswer:
            return False
        return isinstance(said, dict) and "predictions" in said


@dataclass(kw_only=True)
class Rollout:
    """One workload; times are monotonic seconds, `wanted` is the URI Git names now."""

    key: str
    folder: Path
    wanted: str | None = None
    revision: str = ""
    serving: ModelServer | None = None
    coming: ModelServer | None = None
    problem: str = ""
    attempts: int = 0
    retry_at: float = 0.0
    _tried: str | None = field(default=None, init=False)

    def want(self, uri: str | None, revision: str) -> None:
        """Take what a new commit says."""
        self.revision = revision
        if uri == self.wanted:
            return
        self.wanted, self.problem, self.attempts, self.retry_at = uri, "", 0, 0.0

    def step(self) -> None:
        """Do what is due now; at most one probe's time, seconds."""
        self._bury_the_dead()
        self._end_the_unwanted()
        if self.wanted is None or (self.serving and self.serving.uri == self.wanted):
            return
        if self.coming is None:
            if time.monotonic() >= self.retry_at:
                self._start(self.wanted)
        elif self.coming.answers():
            self._take_over(self.coming)
        elif time.monotonic() - self.coming.process.started > _PATIENCE:
            self._failed(f"the model server does not answer after {_PATIENCE:.0f} s")

    def servers(self) -> Sequence[ModelServer]:
        """Return the servers there are."""
        return [server for server in (self.serving, self.coming) if server]

    def status(self) -> dict[str, Any]:
        """Return the workload as `GET /status` shows it."""
        serving = self.serving
        return {
            "applied_uri": self.wanted,
            "serving_uri": serving.uri if serving else None,
            "endpoint": serving.endpoint if serving else None,
            "pid": serving.process.pid if serving else None,
            "example": serving.example if serving else None,
            "problem": self.problem,
            "revision": self.revision,
        }

    def _start(self, uri: str) -> None:
        """Start a server for a URI, or say why that cannot be."""
        try:
            path = _artifact(uri)
            example = _example(path)
        except CannotLoad as trouble:
            self._failed(str(trouble))
            return
        port = free_port()
        self.folder.mkdir(parents=True, exist_ok=True)
        process = start(
            self.key,
            [sys.executable, "-m", "uvicorn", "--host", "127.0.0.1", "--port", str(port), _APP],
            log=self.folder / f"{self.key.replace('/', '.')}.{port}.log",
            env={
                **os.environ,
                "__pyfunc_model_path__": str(path),  # what `mlflow models serve` sets and execs
                "MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT": "60",
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "OMP_NUM_THREADS": "1",
            },
        )
        self.coming = ModelServer(uri=uri, port=port, process=process, example=example)

    def _take_over(self, new: ModelServer) -> None:
        """Let the new server be the serving one; the old one goes."""
        old, self.serving, self.coming = self.serving, new, None
        self.problem, self.attempts = "", 0
        if old:
            stop([old.process])

    def _failed(self, problem: str) -> None:
        """Remember why, and when to try again."""
        if self.coming:
            stop([self.coming.process])
            self.coming = None
        self.problem = problem
        self.retry_at = time.monotonic() + min(2.0**self.attempts, _LONGEST)
        self.attempts += 1

    def _bury_the_dead(self) -> None:
        """Notice servers that ended by themselves."""
        if self.serving and self.serving.process.exit_code is not None:
            dead, self.serving = self.serving, None
            self.problem = f"the model server ended: {_end_of(dead)}"
            stop([dead.process])
        if self.coming and self.coming.process.exit_code is not None:
            self._failed(f"the model server does not start: {_end_of(self.coming)}")

    def _end_the_unwanted(self) -> None:
        """Stop what Git no longer names; the serving one stays until its successor answers."""
        if self.coming and self.coming.uri != self.wanted:
            stop([self.coming.process])
            self.coming = None
        if self.serving and self.wanted is None:
            stop([self.serving.process])
            self.serving = None


def _artifact(uri: str) -> Path:
    """Return the folder a URI names. Raises CannotLoad."""
    parts = urlsplit(uri)
    if parts.scheme not in {"", "file"} or parts.netloc not in {"", "localhost"}:
        raise CannotLoad(f"{uri}: the local cluster loads file:// and plain paths only")
    path = Path(unquote(parts.path) if parts.scheme else uri)
    if not (path / "MLmodel").is_file():
        raise CannotLoad(f"{uri}: there is no MLmodel file")
    return path


def _example(path: Path) -> object:
    """Return the artifact's own example request. Raises CannotLoad."""
    try:
        parsed: object = json.loads((path / _EXAMPLE).read_text())
    except (OSError, ValueError) as trouble:
        raise CannotLoad(
            f"{path}: no readable {_EXAMPLE}; log the model with input_example"
        ) from trouble
    return parsed


def _end_of(server: ModelServer) -> str:
    """Return a server's end in words."""
    return f"exit code {server.process.exit_code}, {server.process.last_words() or 'no output'}"
