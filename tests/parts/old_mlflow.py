"""The environment of the oldest MLflow we answer for.

It lies in the user's cache, outside every checkout, named by the hash of its recipe (the lock
beside this file and the interpreter), so a changed recipe is another environment. SQLAlchemy stays
below 2.1 in the recipe: MLflow 2.11.3 does not start with it. PyArrow of that time has no wheel for
Python 3.13, so an older interpreter is looked for there.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

VERSION = "2.11.3"
LOCK = Path(__file__).with_name("mlflow-2.11.3.lock")
_TOO_NEW = (3, 13)
_READY = ".ready"


def folder() -> Path:
    """Return where the environment is, or belongs."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    recipe = f"{LOCK.read_text()}\n{_base()}\n{sysconfig.get_platform()}"
    name = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    return cache / "sluice" / f"mlflow-{VERSION}-{name}"


def interpreter() -> Path | None:
    """Return the environment's Python; None until `make parts` has built it."""
    built = folder()
    return built / "bin" / "python" if (built / _READY).is_file() else None


def build() -> Path:
    """Build the environment unless it is there; return its Python.

    Raises RuntimeError with the reason when it cannot be built.
    """
    where = folder()
    where.parent.mkdir(parents=True, exist_ok=True)
    with where.with_suffix(".lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        found = interpreter()
        if found is not None:
            return found
        shutil.rmtree(where, ignore_errors=True)
        _run(_base(), "-m", "venv", str(where))
        python = where / "bin" / "python"
        install = ("pip", "install", "--quiet", "--require-hashes", "-r", str(LOCK))
        if shutil.which("uv", path=str(Path(sys.executable).parent)) is None:
            _run(str(python), "-m", *install)
        else:
            _run(sys.executable, "-m", "uv", *install, "--python", str(python))
        (where / _READY).touch()
        return python


def _base() -> str:
    """Return the interpreter to build on: ours, unless it is too new for that MLflow."""
    if sys.version_info < _TOO_NEW:
        return sys.executable
    for name in ("python3.12", "python3.11"):
        if found := shutil.which(name):
            return found
    return sys.executable


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = (done.stderr or done.stdout).strip()[-2000:]
        raise RuntimeError(f"{' '.join(command[:4])} ...: {reason}")
