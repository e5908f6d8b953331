"""`sluice doctor`."""

import asyncio
import shutil
import stat
import subprocess
from collections.abc import Iterable
from pathlib import Path

import typer

from processor.cli.client import Denied, Unreachable, at
from processor.cli.options import DEFAULT_CONFIG, Config
from processor.cli.output import tell
from processor.settings.load import ConfigError, Loaded, load
from processor.settings.secrets import named_secrets

OK = "ok"
"""Every line begins with this word, or with what is not."""

_MOUNTED = Path("/var/run/secrets/kubernetes.io")  # the kubelet's: readable inside the pod alone


def doctor(config: Config = DEFAULT_CONFIG) -> None:
    """Look at everything Sluice needs, one line each; exit 1 when something is not right."""
    loaded = load(config)
    lines = [f"{OK}: {loaded.path} and {len(loaded.policy_files)} policies", _git()]
    lines += _secrets(loaded)
    from processor import app  # noqa: PLC0415 - all of the program: a wrong file is told at once

    lines += asyncio.run(app.check(loaded))
    lines += _running(config)
    tell(*lines)
    if any(not line.startswith(f"{OK}:") for line in lines):
        raise typer.Exit(1)


def _mounted(path: Path) -> str:
    """Return what does it where chmod cannot: a mounted Kubernetes Secret is read-only."""
    of_secret = (path.parent / "..data").is_symlink()
    return " (of a mounted Secret: give its volume defaultMode: 0400)" if of_secret else ""


def _git() -> str:
    """Say which git there is: the local forge works with it."""
    git = shutil.which("git")
    if git is None:
        return "not ok: git is not on the PATH; install it"
    found = subprocess.run([git, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - a fixed command
    return f"{OK}: {found.stdout.strip()}"


def _running(config: Path) -> Iterable[str]:
    """Say what the running process waits for: open breakers, paused writes; nothing without one."""
    try:
        found = at(None, config).get("/v1/status")
    except (Unreachable, Denied, ConfigError):
        return
    for product in found["products"]:
        if product["problem"]:
            yield f"not ok: {product['name']}: the running process waits: {product['problem']}"
    for look in found["looks"]:
        if look["pace"]:
            yield (
                f"{OK}: {look['name']}: the running process looks {look['pace']}; "
                "poll.max_load lets it look more often"
            )
    for pause in found["pauses"]:
        about = f" about {pause['model']}" if pause["model"] else ""
        who = f"paused by {pause['by']}: {pause['reason']}"
        yield f"not ok: writes{about}: {who}; they go on with: {pause['command']}"


def _secrets(loaded: Loaded) -> Iterable[str]:
    """Say of each file that holds a secret whether it is there and nobody else can read it."""
    for field, path in named_secrets(loaded.settings):
        if field == "web.sign_in_file":
            continue  # written by the running process, and by nobody before it
        if not path.is_file():
            yield f"not ok: {field}: there is no file {path}"
        elif path.is_relative_to(_MOUNTED):
            yield f"{OK}: {field}: {path}, which only this pod has"
        elif path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield f"not ok: {field}: others can read {path}; chmod 600 it{_mounted(path)}"
        else:
            yield f"{OK}: {field}"
