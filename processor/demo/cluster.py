"""The local cluster: a GitOps controller and a kubelet in miniature, as a process of its own.

Place in the flow: `python -m processor.demo.cluster --repository BARE --branch main --port N`
follows the branch, runs a real model server per InferenceService, and tells what runs at
`GET /status`; `adapters/clusters/local` reads that. On SIGTERM, SIGINT or the end of its parent
every server is stopped.
"""

import argparse
import contextlib
import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from processor.demo import manifests
from processor.demo.kubelet import Rollout
from processor.demo.processes import stop

_POLL = 0.3  # seconds between looks at the branch


class PortTaken(Exception):
    """The port cannot be bound; the message is what the system says."""


@dataclass(kw_only=True)
class Controller:
    """Follows a branch; `told` is the newest status, replaced whole so any thread may read it."""

    repository: Path
    branch: str
    folder: Path
    rollouts: dict[str, Rollout] = field(default_factory=dict)
    revision: str = ""
    problem: str = ""
    told: dict[str, Any] = field(default_factory=lambda: {"revision": "", "workloads": {}})

    def step(self) -> None:
        """Look at the branch once and take every workload one step further."""
        self._follow()
        for rollout in self.rollouts.values():
            rollout.step()
        self.told = {
            "branch": self.branch,
            "revision": self.revision,
            "problem": self.problem,
            "workloads": {key: rollout.status() for key, rollout in self.rollouts.items()},
        }

    def close(self) -> None:
        """Stop every server."""
        stop(server.process for one in self.rollouts.values() for server in one.servers())

    def _follow(self) -> None:
        """Apply the branch's commit when it is another one; a bad commit changes nothing."""
        revision = manifests.head(self.repository, self.branch)
        if revision is None:
            self.problem = f"{self.repository} has no readable branch {self.branch}"
            return
        if revision == self.revision:
            self.problem = ""
            return
        try:
            commit = manifests.read(self.repository, revision)
        except manifests.Unreadable as trouble:
            self.problem = str(trouble)
            return
        self.revision, self.problem = revision, ""
        for gone in self.rollouts.keys() - commit.workloads.keys():
            stop(server.process for server in self.rollouts.pop(gone).servers())
        for key, uri in commit.workloads.items():
            rollout = self.rollouts.setdefault(key, Rollout(key=key, folder=self.folder))
            rollout.want(uri, revision)


@contextlib.contextmanager
def told_at(port: int, controller: Controller) -> Iterator[int]:
    """Serve `GET /status` on loopback while inside; gives the port. Raises PortTaken."""

    class Status(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answer /status, nothing else."""
            found = self.path == "/status"
            body = json.dumps(controller.told if found else {"error": "only /status"}).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Keep the log for what matters."""

    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Status)
    except OSError as trouble:
        raise PortTaken(str(trouble)) from None
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def main(arguments: list[str] | None = None) -> int:
    """Run until told to stop; 2 when the port is taken."""
    parser = argparse.ArgumentParser(description="Follow a GitOps branch, run its model servers.")
    parser.add_argument("--repository", type=Path, required=True, help="bare git repository")
    parser.add_argument("--branch", default="main")
    parser.add_argument("--port", type=int, required=True, help="loopback port of GET /status")
    parser.add_argument("--state", type=Path, default=Path("cluster"), help="folder for logs")
    given = parser.parse_args(arguments)
    controller = Controller(
        repository=given.repository, branch=given.branch, folder=given.state.resolve()
    )
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    try:
        with told_at(given.port, controller):
            while not ending.is_set():
                began = time.monotonic()
                controller.step()
                ending.wait(max(0.0, _POLL - (time.monotonic() - began)))
    except PortTaken as trouble:
        sys.stderr.write(f"local cluster: port {given.port}: {trouble}\n")
        return 2
    finally:
        controller.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
