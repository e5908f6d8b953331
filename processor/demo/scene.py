"""Everything the demo needs before anything runs: what is installed, ports, folder, files.

Place in the flow: `demo/story` sets the scene, `demo/parts` starts the parts in it. The files are
those of deploy/examples, with this run's ports, folder and model name put in.
"""

import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from processor.demo.lesson import model_name
from processor.demo.processes import free_port

TARGET = "production"
APPROVER = "ana"
_EXAMPLE_MODEL = "tumour-screening"
_EXAMPLE_FOLDER = "/var/lib/sluice-demo"
_EXAMPLE_PORTS = {"mlflow": 5000, "sluice": 8080, "cluster": 8090}


class CannotStart(Exception):
    """Something is missing or in the way; the message is one line with the fix."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One run's folder, ports and names."""

    folder: Path
    model: str
    seed: int
    ports: Mapping[str, int]
    events_token: str

    @property
    def config(self) -> Path:
        """Return the configuration file."""
        return self.folder / "sluice.yaml"

    @property
    def repository(self) -> Path:
        """Return the bare GitOps repository."""
        return self.folder / "git" / "gitops.git"

    @property
    def artifacts(self) -> Path:
        """Return where the MLflow server keeps artifacts."""
        return self.folder / "artifacts"

    @property
    def workload(self) -> str:
        """Return the model's key in the cluster's status."""
        return f"InferenceService/default/{self.model}"

    def url(self, part: str) -> str:
        """Return where a part answers."""
        return f"http://127.0.0.1:{self.ports[part]}"


def check_installed() -> None:
    """Raise CannotStart for the first thing that is missing."""
    if shutil.which("git") is None:
        raise CannotStart("git is missing; install it with your system's package manager")
    for module, package in (("mlflow", "mlflow"), ("sklearn", "scikit-learn")):
        if importlib.util.find_spec(module) is None:
            raise CannotStart(
                f"{package} is missing; install the demo's parts: "
                "pip install 'sluice-registry[demo]'"
            )


def choose_ports(listen: int | None) -> Mapping[str, int]:
    """Return a port per part; `listen` is the one given by hand. Raises CannotStart when taken."""
    if listen is not None:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", listen))
            except OSError as trouble:
                raise CannotStart(
                    f"port {listen} cannot be used ({trouble.strerror}); "
                    "name another one, or none and a free one is taken"
                ) from None
    ports: dict[str, int] = {} if listen is None else {"sluice": listen}
    while missing := [part for part in _EXAMPLE_PORTS if part not in ports]:
        port = free_port()
        if port not in ports.values():
            ports[missing[0]] = port
    return ports


def make_folder(chosen: Path | None) -> Path:
    """Return an empty folder of this run's own. Raises CannotStart."""
    if chosen is None:
        return Path(tempfile.mkdtemp(prefix="sluice-demo-")).resolve()
    try:
        chosen.mkdir(parents=True, exist_ok=True)
        taken = any(chosen.iterdir())
    except OSError as trouble:
        raise CannotStart(f"{chosen} cannot be used: {trouble.strerror}") from None
    if taken:
        raise CannotStart(f"{chosen} is not empty; name a new folder")
    return chosen.resolve()


def set_scene(folder: Path, seed: int, ports: Mapping[str, int]) -> Scene:
    """Write configuration, policy, token and repository into the folder."""
    scene = Scene(
        folder=folder,
        model=model_name(seed),
        seed=seed,
        ports=ports,
        events_token=secrets.token_urlsafe(24),
    )
    example = resources.files("processor.demo") / "example"
    text = (example / "sluice.yaml").read_text()
    for part, port in _EXAMPLE_PORTS.items():
        text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{ports[part]}")
    scene.config.write_text(text.replace(_EXAMPLE_FOLDER, folder.as_uri().removeprefix("file://")))
    (folder / "policies").mkdir()
    policy = example / "policies" / "screening.yaml"
    (folder / "policies" / policy.name).write_text(policy.read_text())
    token = folder / "events.token"
    token.touch(mode=0o600)
    token.write_text(scene.events_token + "\n")
    for name in ("logs", "artifacts"):
        (folder / name).mkdir()
    _make_repository(scene, example / "gitops")
    return scene


def environment() -> dict[str, str]:
    """Return what every part inherits: ours, without settings meant for somebody else's MLflow."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MLFLOW_", "SLUICE_", "GIT_"))
    }
    package = str(Path(__file__).resolve().parents[2])
    return ours | {
        "PYTHONPATH": os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH")))),
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "OMP_NUM_THREADS": "1",
    }


def _make_repository(scene: Scene, example: Traversable) -> None:
    """Make the bare repository with the example's files as its first commit."""
    work = scene.folder / "first-commit"
    _copy(example, work, scene.model)
    scene.repository.mkdir(parents=True)
    env = environment() | {
        "GIT_DIR": str(scene.repository),
        "GIT_WORK_TREE": str(work),
        "GIT_INDEX_FILE": str(work / ".index"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    who = ["-c", "user.name=platform", "-c", "user.email=platform@example.com"]
    for words in (
        ["init", "--quiet", "--bare", "--initial-branch=main"],
        ["config", "receive.hideRefs", "refs/sluice"],
        ["add", "--all", "--", "README.md", "apps"],
        [*who, "commit", "--quiet", "--message", "The screening model, not yet served"],
    ):
        bare = {name: value for name, value in env.items() if name != "GIT_WORK_TREE"}
        done = subprocess.run(  # noqa: S603 - no shell, fixed words
            ["git", *words],  # noqa: S607 - the person's own git
            cwd=work,
            env=bare if "init" in words else env,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise CannotStart(f"git {words[-1]}: {done.stderr.strip()}")
    shutil.rmtree(work)


def _copy(example: Traversable, place: Path, model: str) -> None:
    """Copy a folder of text files; the example's model becomes this run's."""
    place.mkdir(parents=True)
    for one in example.iterdir():
        if one.is_dir():
            _copy(one, place / one.name, model)
        else:
            name = one.name.replace(_EXAMPLE_MODEL, model)
            (place / name).write_text(one.read_text().replace(_EXAMPLE_MODEL, model))
