"""A real PostgreSQL on a free loopback port: the system's programs, a data folder in tmp.

Everything is written as in production (fsync and synchronous_commit on). The server refuses to
be root, so for root it runs as the first of `_OTHERS` there is. It ends with whoever started it.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT, connection

from processor.demo.processes import Process, free_port, start, stop
from tests.parts import announce, missing

_OTHERS = ("postgres", "nobody")
_SYSTEM = Path("/usr/lib/postgresql")
_START_SECONDS = 60
_USER = "sluice"


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """A running server; `pid` is its postmaster's."""

    version: str
    pid: int
    port: int
    password: str

    def connect(self, database: str = "postgres") -> connection:
        """Open a connection of our own."""
        return psycopg2.connect(
            host="127.0.0.1",
            port=self.port,
            user=_USER,
            password=self.password,
            dbname=database,
        )

    def create(self, database: str) -> str:
        """Make a database; return its URI as MLflow wants it.

        The driver is named: SQLAlchemy 2.1 would take psycopg 3 for a plain `postgresql://`.
        """
        with contextlib.closing(self.connect()) as session:
            session.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
            with session.cursor() as cursor:
                cursor.execute(f'CREATE DATABASE "{database}"')
        where = f"{_USER}:{self.password}@127.0.0.1:{self.port}/{database}"
        return f"postgresql+psycopg2://{where}"


def programs() -> Path | None:
    """Return the folder of initdb and postgres, the newest there is; None: not installed."""
    with contextlib.suppress(OSError):
        numbered = [one for one in _SYSTEM.iterdir() if (one / "bin" / "initdb").is_file()]
        if numbered:
            return max(numbered, key=lambda one: int(one.name)) / "bin"
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@contextmanager
def running_postgres(bin_folder: Path) -> Iterator[Postgres]:
    """Run a fresh server; it is stopped by its process id, and its data removed."""
    folder = Path(tempfile.mkdtemp(prefix="sluice-postgres-"))
    who = _not_root()
    try:
        password = secrets.token_hex(16)
        data = _initialised(bin_folder, folder, password, who)
        port = free_port()
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
            "fsync": "on",
            "synchronous_commit": "on",
            "max_connections": "200",
        }
        command = [*_as(who), str(bin_folder / "postgres"), "-D", str(data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        process = start("postgres", command, log=folder / "log", folder=folder)
        try:
            yield _ready(process, port, password)
        finally:
            _end(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> Iterator[Postgres]:
    """The session's server."""
    found = programs()
    if found is None:
        missing("PostgreSQL is not installed here")
    with running_postgres(found) as server:
        announce(request, f"PostgreSQL {server.version} pid {server.pid} on port {server.port}")
        yield server


def _not_root() -> pwd.struct_passwd | None:
    """Return whom the server runs as; None: as we do."""
    if os.geteuid() != 0:
        return None
    for name in _OTHERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise AssertionError(f"PostgreSQL refuses to run as root, and there is none of {_OTHERS}")


def _as(who: pwd.struct_passwd | None) -> list[str]:
    """Return what makes a command run as somebody."""
    if who is None:
        return []
    return ["setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--clear-groups"]


def _initialised(
    bin_folder: Path, folder: Path, password: str, who: pwd.struct_passwd | None
) -> Path:
    """Make the data folder."""
    secret = folder / "password"
    secret.touch(0o600)
    secret.write_text(password)
    if who is not None:
        os.chown(folder, who.pw_uid, who.pw_gid)
        os.chown(secret, who.pw_uid, who.pw_gid)
    data = folder / "data"
    command = [*_as(who), str(bin_folder / "initdb"), "-D", str(data), "-U", _USER, "-E", "UTF8"]
    command += ["--locale=C", "-A", "scram-sha-256", f"--pwfile={secret}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"initdb: {done.stderr}")
    return data


def _ready(process: Process, port: int, password: str) -> Postgres:
    """Wait until it answers."""
    until = time.monotonic() + _START_SECONDS
    server = Postgres(version="", pid=process.pid, port=port, password=password)
    while time.monotonic() < until and process.exit_code is None:
        try:
            with contextlib.closing(server.connect()) as session:
                version = session.info.parameter_status("server_version")
        except psycopg2.OperationalError:
            time.sleep(0.05)
        else:
            return Postgres(version=version, pid=process.pid, port=port, password=password)
    raise AssertionError(f"PostgreSQL did not start: {process.log.read_text()[-2000:]}")


def _end(process: Process) -> None:
    """Stop it at once but in order: its clients are let go, its backends end with it."""
    if process.exit_code is None:
        os.kill(process.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.popen.wait(20)
    stop([process])
