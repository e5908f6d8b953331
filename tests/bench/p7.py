"""P7: idle memory and start to ready of `sluice run`, beside `import mlflow` in the same run.

Place in the flow: `make bench`. Samples alternate between the two, so that a busy moment of the
machine hits both; the first of each only warms the file cache. The registry and the cluster are
small stand-ins in this process: what is measured is ours alone.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket
from threading import Thread
from urllib.error import URLError
from urllib.request import urlopen

from tests.bench.installed import install

REACH_MB = 120
_PATIENCE = 60.0  # seconds until a start counts as failed
# As installed: the warm-up may leave bytecode behind, for both sides alike.
_ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


@dataclass(frozen=True)
class Sample:
    """One start: seconds until ready (or imported), resident megabytes afterwards."""

    seconds: float
    megabytes: float


class Outside(BaseHTTPRequestHandler):
    """An empty registry and an empty cluster."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer that there is nothing."""
        body = b"3.17.0" if self.path == "/version" else b'{"revision": "", "workloads": {}}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """Answer the same to a search."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def outside() -> Iterator[int]:
    """Serve the stand-ins on a free port while inside."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Outside) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def resident(pid: int) -> float:
    """Return a process's resident megabytes."""
    ran = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True
    )
    return int(ran.stdout) / 1024


def import_mlflow() -> Sample:
    """Import MLflow in a fresh interpreter that then waits to be measured."""
    code = "import mlflow, sys; print(flush=True); sys.stdin.read()"
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=_ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    process.stdout.readline()
    took = time.perf_counter() - began
    megabytes = resident(process.pid)
    process.communicate()
    return Sample(took, megabytes)


def run_sluice(idle: float) -> tuple[Sample, Sample]:
    """Return two starts of `sluice run`: on no ledger yet, and again on the one that left."""
    with tempfile.TemporaryDirectory() as name, outside() as elsewhere:
        folder = Path(name)
        with socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        nothing = f"http://127.0.0.1:{elsewhere}"
        install(folder, nothing, cluster=nothing, port=port)
        return _start(folder, port, 0.0), _start(folder, port, idle)


def _start(folder: Path, port: int, idle: float) -> Sample:
    """Start, wait until ready, let it idle, measure, stop."""
    with (folder / "log").open("w+") as log:
        began = time.perf_counter()
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("sluice")), "run"],
            cwd=folder,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            took = _until_ready(process, port, began)
            time.sleep(idle)
            return Sample(took, resident(process.pid))
        except TimeoutError as exc:
            log.seek(0)
            raise SystemExit(f"bench: {exc}\n{log.read()[-2000:]}") from exc
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def _until_ready(process: "subprocess.Popen[bytes]", port: int, began: float) -> float:
    while (took := time.perf_counter() - began) < _PATIENCE and process.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
                if answer.status == 200:
                    return time.perf_counter() - began
        except (URLError, OSError):
            time.sleep(0.01)
    raise TimeoutError(f"not ready after {took:.1f} s, exit code {process.poll()}")


def fdatasync_ms() -> float:
    """Return the median of 50 small synchronised writes: what the disk makes everyone pay."""
    with tempfile.TemporaryFile() as file:
        took = []
        for _ in range(50):
            began = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            (os.fdatasync if hasattr(os, "fdatasync") else os.fsync)(file.fileno())
            took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000


@dataclass(frozen=True)
class Measured:
    """Samples taken in turn: first starts, later starts, imports."""

    first: list[Sample]
    again: list[Sample]
    imports: list[Sample]


def measure(count: int, idle: float) -> Measured:
    """Take the samples; the first of each only warms the file cache."""
    measured = Measured([], [], [])
    for number in range(count + 1):
        first, again = run_sluice(idle)
        imported = import_mlflow()
        if number:
            measured.first.append(first)
            measured.again.append(again)
            measured.imports.append(imported)
    return measured


def report(measured: Measured) -> dict[str, dict[str, object]]:
    """Return each promise with what was measured, its reach, and whether that was met."""
    beside = statistics.median(one.megabytes for one in measured.imports)
    reach = statistics.median(one.seconds for one in measured.imports)
    memory = statistics.median(one.megabytes for one in measured.again)
    again = statistics.median(one.seconds for one in measured.again)
    first = statistics.median(one.seconds for one in measured.first)
    return {
        "idle memory, MB": _row(memory, REACH_MB, beside),
        "start to ready, s": _row(again, reach, reach),
        "first start, s": _row(first, reach, reach),
    }


def _row(measured: float, reach: float, beside: float) -> dict[str, object]:
    return {
        "measured": round(measured, 2),
        "reach": round(reach, 2),
        "beside": round(beside, 2),
        "ratio": round(measured / beside, 2),
        "met": measured <= reach,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="P7: idle memory and start to ready.")
    parser.add_argument("--samples", type=int, default=5)
    parser.add_argument("--idle", type=float, default=5.0, help="seconds before memory is read")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    wished = parser.parse_args()
    measured = measure(wished.samples, wished.idle)
    rows = report(measured)
    print("P7 `sluice run` beside `import mlflow`, medians of", wished.samples, "samples each")
    print(f"{'what':<20}{'measured':>10}{'reach':>8}{'mlflow':>8}{'ratio':>7}  met")
    for what, row in rows.items():
        cells = f"{row['measured']:>10}{row['reach']:>8}{row['beside']:>8}{row['ratio']:>7}"
        print(f"{what:<20}{cells}  {'met' if row['met'] else 'MISSED'}")
    print(f"fdatasync p50 {fdatasync_ms():.2f} ms")
    for name, samples in vars(measured).items():
        print(
            f"{name:<8}", " ".join(f"{one.seconds:.2f}s/{one.megabytes:.0f}MB" for one in samples)
        )
    if wished.json:
        print(json.dumps({"P7": rows}))


if __name__ == "__main__":
    main()
