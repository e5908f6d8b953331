"""Fetch the real parts that tests, benches and demo start: `make parts`.

Asks before it uses root; with CI=true it asks nobody. What is there already is only named.
"""

import importlib.metadata
import os
import shutil
import subprocess
import sys

from tests.parts import old_mlflow
from tests.parts.postgres import programs

_PACKAGE = "postgresql"


def main() -> int:
    """Fetch and name every part; 0 when all of them are there."""
    print(f"parts: MLflow {importlib.metadata.version('mlflow')} came with the set-up")
    print(f"parts: {_said('git', '--version')}")
    fetched = [_postgres(), _old_mlflow()]
    print("parts: Kubernetes, Gitea, Kafka and Chromium come with the work that needs them")
    return 0 if all(fetched) else 1


def _postgres() -> bool:
    if programs() is None and not _install():
        return False
    found = programs()
    if found is None:
        print(f"parts: PostgreSQL is still not found after installing {_PACKAGE}", file=sys.stderr)
        return False
    print(f"parts: {_said(str(found / 'postgres'), '--version')} in {found}")
    return True


def _install() -> bool:
    """Install the system's package; root is used only with a yes."""
    advice = f"install your system's package of it yourself ({_PACKAGE} on Debian)"
    if shutil.which("apt-get") is None:
        print(f"parts: PostgreSQL is missing; {advice}", file=sys.stderr)
        return False
    root = [] if os.geteuid() == 0 else ["sudo"]
    alone = os.environ.get("CI") == "true"
    asked = f"parts: PostgreSQL is missing. Install the Debian package {_PACKAGE} as root? [y/N] "
    if not alone and (not sys.stdin.isatty() or input(asked).strip().lower() not in {"y", "yes"}):
        print(f"parts: nothing was installed; {advice}", file=sys.stderr)
        return False
    quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    install = [*quiet, "install", "--yes", "--no-install-recommends", _PACKAGE]
    for command in ([*quiet, "update"], install):
        if subprocess.run([*root, *command], stdout=sys.stderr, check=False).returncode != 0:
            print(f"parts: {' '.join(command)} failed; {advice}", file=sys.stderr)
            return False
    return True


def _old_mlflow() -> bool:
    there = old_mlflow.interpreter() is not None
    if not there:
        print(f"parts: building MLflow {old_mlflow.VERSION} (half a minute, once)", flush=True)
    try:
        python = old_mlflow.build()
    except RuntimeError as problem:
        print(f"parts: MLflow {old_mlflow.VERSION} cannot be built: {problem}", file=sys.stderr)
        return False
    print(f"parts: MLflow {old_mlflow.VERSION} in {python.parent.parent}")
    return True


def _said(*command: str) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    return ran.stdout.strip() or ran.stderr.strip()


if __name__ == "__main__":
    sys.exit(main())
