"""Real parts for tests: artifacts MLflow saved, a bare repository, a running local cluster."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processor.demo.http import NoAnswer, call
from processor.demo.processes import free_port, start, stop

_SAVE = """
import sys, mlflow.sklearn
from processor.demo.lesson import train
for number, path in enumerate(sys.argv[1:], 1):
    trained = train(number, 1)
    mlflow.sklearn.save_model(
        trained.pipeline, path, input_example=trained.frame.drop(columns="target").head(1),
        pip_requirements=["mlflow"],
    )
"""
MANIFEST = """\
# {name}
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {name}
spec:
  predictor:
    model:
      modelFormat: {{name: mlflow}}
      storageUri: "{uri}"
"""


def save_models(folder: Path, count: int) -> list[Path]:
    """Save versions 1..count with MLflow in a process of its own; return their folders."""
    paths = [folder / f"model-{number}" for number in range(1, count + 1)]
    command = [sys.executable, "-c", _SAVE, *map(str, paths)]
    env = {"PATH": "/usr/bin:/bin", "MLFLOW_DISABLE_TELEMETRY": "true", "HOME": str(folder)}
    subprocess.run(command, check=True, capture_output=True, cwd=Path.cwd(), env=env)
    return paths


@dataclass
class Repository:
    """A bare repository people push to."""

    bare: Path

    def commit(self, files: dict[str, str]) -> str:
        """Replace everything on main by these files; return the commit."""
        git = ["git", "--git-dir", str(self.bare)]
        tree = ""
        for name, text in files.items():
            blob = self._run([*git, "hash-object", "-w", "--stdin"], text)
            tree += f"100644 blob {blob}\t{name}\n"
        made = self._run([*git, "mktree"], tree)
        who = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
        sha = self._run([git[0], *who, *git[1:], "commit-tree", made, "-m", "x"], "")
        self._run([*git, "update-ref", "refs/heads/main", sha], "")
        return sha

    def serve(self, uri: str, name: str = "m") -> str:
        """Let main name one InferenceService with this URI."""
        return self.commit({f"{name}.yaml": MANIFEST.format(name=name, uri=uri)})

    @staticmethod
    def _run(command: list[str], text: str) -> str:
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
        return done.stdout.strip()


def new_repository(folder: Path) -> Repository:
    bare = folder / "gitops.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
    return Repository(bare)


@contextmanager
def running_cluster(repository: Repository, folder: Path) -> Iterator[str]:
    """Run the local cluster; gives its URL."""
    port = free_port()
    command = [sys.executable, "-m", "processor.demo.cluster", "--port", str(port)]
    command += ["--repository", str(repository.bare), "--state", str(folder / "state")]
    process = start("cluster", command, log=folder / "cluster.log")
    try:
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: status(url), 20)
        yield url
    finally:
        stop([process])


def status(url: str) -> Any:
    try:
        return call(f"{url}/status", timeout=5)
    except NoAnswer:
        return None


def eventually(look: Callable[[], Any], seconds: float = 60) -> Any:
    until = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > until:
            raise AssertionError(f"not within {seconds} s")
        time.sleep(0.1)
    return found
