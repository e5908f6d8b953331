"""The settings tree.

Place in the flow: `settings/load` fills it from `sluice.yaml`, `app` turns it into parts.
Defaults are here and nowhere else; docstrings become docs/settings.md.
"""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, field_validator, model_validator

from processor.policy.gates import Duration

_PORTS = 65535


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
        "work.died",
    )
    """Event patterns written to the log, one readable line each."""


class Settings(Setting):
    """`sluice.yaml`."""

    mode: Literal["observe", "propose", "full"] = "observe"
    """observe: write nothing outside; propose: pull requests; full: also merges and marks."""
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
    web: WebSettings = WebSettings()
    """Pages and API."""
    people: dict[str, Person] = {}
    """Name -> the same person elsewhere."""
    policies: tuple[str, ...] = ("policies/*.yaml",)
    """Globs of policy files, relative to this file."""
    notify: NotifySettings = NotifySettings()
    """Whom to tell."""

    @model_validator(mode="after")
    def _names_are_plain(self) -> "Settings":
        for name in (*self.people, *self.forges, *self.clusters):
            if not name or "/" in name or name in {"sluice", "unknown"}:
                raise ValueError(f"{name!r} cannot be a name here")
        return self
