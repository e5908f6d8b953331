"""The settings tree.

Place in the flow: `settings/load` fills it from `sluice.yaml`, `app` turns it into parts.
Defaults are here and nowhere else; docstrings become docs/settings.md.
"""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    HttpUrl,
    field_validator,
    model_validator,
)

from processor.policy.gates import Duration
from processor.policy.mode import Mode, Modes
from processor.values.job import LimitName

_PORTS = 65535
_SIZES = {"KB": 1024, "MB": 1024**2, "GB": 1024**3}


class Setting(BaseModel):
    """A part of the tree: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class RegistrySettings(Setting):
    """The MLflow server that is the registry."""

    id: str = Field(default="main", pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    """Name in event sources and keys. Set once: the ledger refuses another later."""
    url: HttpUrl
    """MLflow's base URL, with its path prefix if it has one."""
    browser_url: HttpUrl | None = None
    """Where people open it; empty: `url`."""
    workspaces: tuple[str, ...] = ("default",)
    """MLflow workspaces to watch."""
    username_file: Path | None = None
    """File with the basic-auth user name."""
    password_file: Path | None = None
    """File with the basic-auth password; re-read on change."""
    token_file: Path | None = None
    """File with a bearer token; user and password win over it."""
    quiet: Duration = timedelta(seconds=30)
    """How long a request that got no answer may still take effect there; then we look again."""
    artifact_roots: dict[str, str] = {}
    """Prefix MLflow says -> prefix the cluster can load, `mlflow-artifacts:/` -> `s3://mlflow/`."""


class PollSettings(Setting):
    """How often sources look. Hints only make them look sooner."""

    changes: Duration = timedelta(seconds=2)
    """Newly changed versions."""
    models: Duration = timedelta(seconds=30)
    """Aliases of every model."""
    reconcile: Duration = timedelta(minutes=15)
    """Everything, deletions included."""
    proposals: Duration = timedelta(seconds=30)
    """Open pull requests."""
    rollouts: Duration = timedelta(seconds=5)
    """What serves."""


class LedgerSettings(Setting):
    """Where the truth is kept."""

    path: Path = Path("sluice.db")
    """SQLite file; beside it `<path>.lock` names the running process. Never on NFS."""


class LocalForgeSettings(Setting):
    """A bare git repository per name under one folder, pull requests as refs."""

    path: Path
    """Folder holding `<repository>.git`."""
    quiet: Duration = timedelta(seconds=2)
    """How long a git command of a process that was killed may still take effect."""


class ForgeSettings(Setting):
    """One forge; give exactly one kind."""

    local: LocalForgeSettings
    """Bare repositories on this machine."""


class LocalClusterSettings(Setting):
    """The local stand-in for a cluster: real model servers on this machine."""

    url: HttpUrl
    """Where its controller tells what runs."""


class ClusterSettings(Setting):
    """One cluster; give exactly one kind."""

    local: LocalClusterSettings
    """Model servers on this machine."""


def _size(value: object) -> object:
    """Read `64KB`, `256MB`, `1GB`; numbers are bytes."""
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+)(KB|MB|GB)", value)):
        return int(match[1]) * _SIZES[match[2]]
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"{value!r} is not a size: write it like 64KB, 256MB or 1GB")


class Sized:
    """Marks a number of bytes, for whoever prints it."""


Size = Annotated[int, BeforeValidator(_size), Sized(), Field(ge=1024)]


class LocalEvaluatorSettings(Setting):
    """Gate programs as child processes on this machine, behind walls."""

    path: Path | None = None
    """Folder of the jobs; empty: beside the ledger, `<ledger>.gates`."""
    parallel: int = Field(default=2, ge=1, le=64)
    """How many programs run at once; the others wait."""
    cpu: Duration = timedelta(seconds=60)
    """Processor time a program and all it starts may use."""
    memory: Size = Field(default=_SIZES["GB"], ge=16 * _SIZES["MB"])
    """Memory of one process, and of all together."""
    output: Size = 64 * _SIZES["KB"]
    """What it may print, and complain of, before it is stopped."""
    scratch: Size = 64 * _SIZES["MB"]
    """What it may write: its /tmp, kept in memory and gone at its end."""
    processes: int = Field(default=64, ge=1, le=4096)
    """Processes and threads of one program."""
    descriptors: int = Field(default=256, ge=16, le=65536)
    """Open files of one process."""
    readable: tuple[Path, ...] = ()
    """What it may read besides the policy's folder, the system's programs and our Python."""
    environment: tuple[str, ...] = ("LANG", "LC_ALL", "TZ")
    """Names of our environment variables it is handed; PATH, HOME and TMPDIR are always set."""
    without: tuple[LimitName, ...] = ()
    """Limits to go without where `sluice doctor` finds them missing; else such a gate is
    inconclusive."""

    @field_validator("cpu")
    @classmethod
    def _some_time(cls, value: timedelta) -> timedelta:
        if value < timedelta(seconds=1):
            raise ValueError("a program needs one second at least")
        return value


class EvaluatorSettings(Setting):
    """What runs the programs of `{command: ...}` gates."""

    local: LocalEvaluatorSettings = LocalEvaluatorSettings()
    """Children of this process."""


class WebSettings(Setting):
    """Pages, API and inbox."""

    listen: str = "127.0.0.1:8080"
    """host:port; beyond loopback only with `web.auth`. Port 0 takes a free one."""
    public_url: HttpUrl | None = None
    """How people reach it; empty: what it listens on."""
    auth: Literal["local"] = "local"
    """`local`: a random sign-in link per person, loopback only."""
    events_token_file: Path | None = None
    """File with the bearer token of `POST /events`; empty: the endpoint refuses everything."""
    sign_in_file: Path | None = None
    """Where the sign-in links are written (mode 0600); empty: printed to the terminal once."""

    @field_validator("listen")
    @classmethod
    def _an_address(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not host or not port.isdigit() or int(port) > _PORTS:
            raise ValueError(f"{value!r} is not host:port")
        if host.strip("[]") not in {"127.0.0.1", "::1", "localhost"}:
            raise ValueError(
                f"{value!r} is reachable from other machines, and `web.auth: local` signs people "
                "in by links meant for this one: listen on 127.0.0.1"
            )
        return value

    @property
    def host(self) -> str:
        """Return the address to bind."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """Return the port to bind."""
        return int(self.listen.rpartition(":")[2])


class Person(Setting):
    """One person, and their names elsewhere."""

    mlflow: str | None = None
    """User name their training runs carry (claimed: it may not approve)."""
    git: str | None = None
    """Name or e-mail their commits carry."""


class NotifySettings(Setting):
    """Whom to tell."""

    log: tuple[str, ...] = (
        "promotion.*",
        "rollout.*",
        "serving.changed",
        "evaluation.*",
        "work.*",
        "writes.*",
        "target.held",
        "target.released",
    )
    """Event patterns written to the log, one readable line each."""


class Settings(Setting):
    """`sluice.yaml`."""

    mode: Mode | dict[str, Mode] = "observe"
    """observe: write nothing outside; propose: pull requests; full: also merges and marks.
    One word for all models, or pattern of model names -> word: `{"*": observe, "fraud-*": full}`;
    the most specific pattern wins, what none matches is only observed."""
    registry: RegistrySettings
    """The model registry."""
    poll: PollSettings = PollSettings()
    """How often to look."""
    ledger: LedgerSettings = LedgerSettings()
    """Where events are kept."""
    forges: dict[str, ForgeSettings] = {}
    """Name -> forge."""
    clusters: dict[str, ClusterSettings] = {}
    """Name -> cluster."""
    evaluator: EvaluatorSettings = EvaluatorSettings()
    """What runs gate programs; docs/gates.md tells about its walls."""
    web: WebSettings = WebSettings()
    """Pages and API."""
    people: dict[str, Person] = {}
    """Name -> the same person elsewhere."""
    policies: tuple[str, ...] = ("policies/*.yaml",)
    """Globs of policy files, relative to this file."""
    notify: NotifySettings = NotifySettings()
    """Whom to tell."""

    @field_validator("mode")
    @classmethod
    def _unambiguous(cls, value: Mode | dict[str, Mode]) -> Mode | dict[str, Mode]:
        Modes.written(value)
        return value

    @property
    def modes(self) -> Modes:
        """Return the mode of each model."""
        return Modes.written(self.mode)

    @model_validator(mode="after")
    def _names_are_plain(self) -> "Settings":
        for name in (*self.people, *self.forges, *self.clusters):
            if not name or "/" in name or name in {"sluice", "unknown"}:
                raise ValueError(f"{name!r} cannot be a name here")
        return self
