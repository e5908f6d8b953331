"""The settings tree.

Place in the flow: `settings/load` fills it from `sluice.yaml`, `app` turns it into parts.
Defaults are here and nowhere else; docstrings become docs/settings.md.
"""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    HttpUrl,
    field_validator,
    model_validator,
)

from processor.policy.gates import Duration
from processor.policy.mode import Mode, Modes
from processor.settings.registry import RegistrySettings
from processor.settings.setting import Setting
from processor.values.job import LimitName
from processor.values.json_path import JsonPath

_PORTS = 65535
_WHOLE = 100.0  # percent
_SIZES = {"KB": 1024, "MB": 1024**2, "GB": 1024**3}


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
    max_load: str = "2%"
    """How much of one MLflow core the looks at the registry may keep busy together. Each look's
    requests are timed, and it comes less often while it costs more than its share."""

    @field_validator("max_load", mode="before")
    @classmethod
    def _a_share(cls, value: object) -> object:
        if not isinstance(value, str) or not re.fullmatch(r"\d{1,3}(\.\d{1,3})?%", value, re.ASCII):
            raise ValueError(f"{value!r} is not a share: write it like 2% or 0.5%")
        if not 0 < float(value[:-1]) <= _WHOLE:
            raise ValueError(f"{value!r} is not between 0% and 100%")
        return value

    @property
    def load(self) -> float:
        """Return `max_load` as seconds per second."""
        return float(self.max_load[:-1]) / _WHOLE


def _place(value: str) -> str:
    """Read `$.run.id`; any other text stands for itself."""
    return str(JsonPath.written(value)) if value.startswith("$") else value


Place = Annotated[str, AfterValidator(_place)]


class TrainingMapSettings(Setting):
    """What means what in a message: `$.run.id` is a place in it, other text is always so."""

    run_id: Place
    """MLflow run id."""
    model: Place
    """Registered model name."""
    registration: Place = "done"
    """Who creates the version: `done`, the pipeline does; `please`, Sluice does."""
    workspace: Place = "default"
    """MLflow workspace."""
    artifact_path: Place = "model"
    """Where in the run the model was logged."""
    id: Place = ""
    """What tells one message from another; empty: its whole content does."""
    time: Place = ""
    """When it happened, in RFC 3339; empty: when it arrived."""

    @field_validator("run_id", "id", "time")
    @classmethod
    def _differs(cls, value: str) -> str:
        if value and not value.startswith("$"):
            raise ValueError(f"{value!r} would be the same in every message; write $.and.so.on")
        return value

    @field_validator("registration")
    @classmethod
    def _known(cls, value: str) -> str:
        if not value.startswith("$") and value not in {"please", "done"}:
            raise ValueError(f"{value!r} is not please, done or a place like $.registration")
        return value


class TrainingSettings(Setting):
    """Pipelines that send JSON of their own instead of CloudEvents."""

    source: str = Field(default="/training", pattern=r"^[^\s\x00-\x1f]{1,250}$")
    """What the events they mean are said to come from."""
    map: TrainingMapSettings | None = None
    """How `POST /events` reads plain `application/json`; empty: it takes CloudEvents only."""

    @field_validator("source")
    @classmethod
    def _not_ours(cls, value: str) -> str:
        if f"{value.lower()}/".startswith("/sluice/"):
            raise ValueError(f"{value!r} is kept for Sluice's own events")
        return value


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
        "source.stalled",
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
    training: TrainingSettings = TrainingSettings()
    """Messages of pipelines that are no CloudEvents."""
    ledger: LedgerSettings = LedgerSettings()
    """Where events are kept."""
    forges: dict[str, ForgeSettings] = Field(default={})
    """Name -> forge."""
    clusters: dict[str, ClusterSettings] = Field(default={})
    """Name -> cluster."""
    evaluator: EvaluatorSettings = EvaluatorSettings()
    """What runs gate programs; docs/gates.md tells about its walls."""
    web: WebSettings = WebSettings()
    """Pages and API."""
    people: dict[str, Person] = Field(default={})
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
