"""Whoever changes the registry, and a bare receiver of MLflow's webhook: a process of its own.

Place in the flow: P1 starts it (`python -m tests.bench.hooked PORT URL CHANGES VERSION`), so that
neither of them takes our process's time. When each of its hooks has come it prints, as JSON, the
monotonic moments at which each change was sent and heard of.
"""

import json
import sys
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tests.parts.seeding import name_of

KEY = "promote"
_BETWEEN = 0.3  # seconds between two changes: no hook waits for another
_PATIENCE = 60.0  # seconds for the last hook to come


class Receiver(BaseHTTPRequestHandler):
    """Notes when a hook came; keeps and checks nothing."""

    protocol_version = "HTTP/1.1"
    heard: dict[str, float]

    def do_POST(self) -> None:
        """Answer as soon as the body is there."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        came = time.monotonic()
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.heard[json.loads(body)["data"]["value"]] = came

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Receive, change, print."""
    port, url, changes, version = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    Receiver.heard = {}
    with ThreadingHTTPServer(("127.0.0.1", port), Receiver) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        sent = {}
        for change in range(changes):
            value = f"{version}-{change}"
            body = {"name": name_of(change), "version": version, "key": KEY, "value": value}
            sent[value] = time.monotonic()
            _post(f"{url}/api/2.0/mlflow/model-versions/set-tag", body)
            time.sleep(_BETWEEN)
        until = time.monotonic() + _PATIENCE
        while len(Receiver.heard) < changes and time.monotonic() < until:
            time.sleep(0.05)
        server.shutdown()
    print(json.dumps({"sent": sent, "heard": Receiver.heard}))


def _post(url: str, body: Any) -> None:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        answer.read()


if __name__ == "__main__":
    main()
