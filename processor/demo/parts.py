"""The demo's running parts: MLflow, the cluster, Sluice, the trainer.

Place in the flow: `demo/story` starts them side by side inside `running` and leaves it by stopping
them all, however it is left; `--keep` lets all but the trainer stay.
"""

import json
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from processor.demo.http import NoAnswer, call
from processor.demo.processes import Process, start, stop
from processor.demo.scene import Scene, environment
from processor.demo.telling import StoryBroke, Teller

_START = 120.0  # seconds a part may take to answer


@dataclass(kw_only=True)
class Parts:
    """The processes, by name; `kept` are left running."""

    scene: Scene
    processes: dict[str, Process] = field(default_factory=dict)
    kept: bool = False
    _answers: "queue.Queue[Any]" = field(default_factory=queue.Queue)

    def start(self) -> None:
        """Start everything; nothing waits for anything yet."""
        scene = self.scene
        python = [sys.executable, "-m"]
        mlflow = [*python, "mlflow", "server", "--host", "127.0.0.1", "--workers", "1"]
        mlflow += ["--port", str(scene.ports["mlflow"])]
        mlflow += ["--backend-store-uri", f"sqlite:///{scene.folder / 'mlflow.db'}"]
        mlflow += ["--artifacts-destination", str(scene.artifacts)]
        self._start("mlflow", mlflow)
        trainer = self._start("trainer", [*python, "processor.demo.trainer"], talks=True)
        threading.Thread(target=self._listen, args=(trainer,), daemon=True).start()
        cluster = [*python, "processor.demo.cluster", "--port", str(scene.ports["cluster"])]
        cluster += ["--repository", str(scene.repository), "--branch", "main"]
        cluster += ["--state", str(scene.folder / "cluster")]
        self._start("cluster", cluster)
        self._start("sluice", [*python, "processor", "run", "--config", str(scene.config)])

    def wait(self, teller: Teller) -> None:
        """Wait until each answers. Raises StoryBroke."""
        for name, path in (("cluster", "/status"), ("sluice", "/readyz"), ("mlflow", "/health")):
            url = f"{self.scene.url(name)}{path}"

            def answers(url: str = url) -> bool | None:
                try:
                    call(url, timeout=2.0)
                except NoAnswer:
                    return None
                return True

            teller.wait(f"{name} starts", answers, timeout=_START)
            teller.say(f"{name} answers at {self.scene.url(name)}")

    def check(self) -> None:
        """Raise StoryBroke when a part has ended by itself."""
        for name, process in self.processes.items():
            if process.exit_code is not None:
                raise StoryBroke(
                    f"{name} ended with exit code {process.exit_code}: "
                    f"{process.last_words() or 'no output'} (its log: {process.log})"
                )

    def ask_for(self, number: int) -> None:
        """Ask the trainer for a version; it works through what it is asked in order."""
        trainer = self.processes["trainer"].popen
        wish = {
            "train": number,
            "seed": self.scene.seed,
            "tracking_uri": self.scene.url("mlflow"),
        }
        assert trainer.stdin is not None  # noqa: S101 - it talks
        try:
            trainer.stdin.write(json.dumps(wish) + "\n")
            trainer.stdin.flush()
        except OSError as trouble:
            raise StoryBroke(f"the trainer does not listen: {trouble}") from None

    def answer(self, teller: Teller) -> Any:  # noqa: ANN401 - the trainer's JSON
        """Return the trainer's next answer. Raises StoryBroke."""

        def look() -> Any:  # noqa: ANN401
            try:
                return self._answers.get_nowait()
            except queue.Empty:
                return None

        told = teller.wait("the trainer answers", look, timeout=_START)
        if "problem" in told:
            raise StoryBroke(f"training: {told['problem']}")
        return told

    def keep(self) -> None:
        """Let everything but the trainer stay, and write down what to stop later."""
        self._stop("trainer")
        for process in self.processes.values():
            process.stay()
        pids = {name: process.pid for name, process in self.processes.items()}
        (self.scene.folder / "pids.json").write_text(json.dumps(pids, indent=2) + "\n")
        self.kept = True

    def _start(self, name: str, command: list[str], *, talks: bool = False) -> Process:
        """Start one part."""
        self.processes[name] = start(
            name,
            command,
            log=self.scene.folder / "logs" / f"{name}.log",
            env=environment(),
            folder=self.scene.folder,
            talks=talks,
        )
        return self.processes[name]

    def _stop(self, name: str) -> None:
        """Stop one part and forget it."""
        stop([self.processes.pop(name)])

    def _listen(self, trainer: Process) -> None:
        """Queue what the trainer answers, until it ends; that it is ready needs no waiting."""
        assert trainer.popen.stdout is not None  # noqa: S101 - it talks
        for line in trainer.popen.stdout:
            told = json.loads(line)
            if "ready" not in told:
                self._answers.put(told)


@contextmanager
def running(scene: Scene) -> Iterator[Parts]:
    """Hold the parts; on the way out all are stopped unless they were told to stay."""
    parts = Parts(scene=scene)
    try:
        yield parts
    finally:
        if not parts.kept:
            stop(parts.processes.values())
