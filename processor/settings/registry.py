"""The `registry:` section of the settings: which MLflow, and who we are to it.

Place in the flow: `settings/tree` holds it, `app/registry_session` opens the session it describes.
"""

import importlib.util
from datetime import timedelta
from pathlib import Path

from pydantic import Field, HttpUrl, model_validator

from processor.policy.gates import Duration
from processor.settings.setting import Setting


class TlsSettings(Setting):
    """Whom to trust, and who we are, where the address is https."""

    ca: Path | None = None
    """PEM file of the authorities to trust instead of the system's."""
    client_file: Path | None = None
    """PEM file with our certificate, and its key unless `client_key_file` has it."""
    client_key_file: Path | None = None
    """PEM file with the key, not encrypted."""
    insecure: bool = False
    """Believe any certificate: whoever is in between can read and change everything. Only to
    try things out."""

    @model_validator(mode="after")
    def _fit_together(self) -> "TlsSettings":
        if self.client_key_file and not self.client_file:
            raise ValueError("a client_key_file needs the client_file with its certificate")
        if self.insecure and self.ca:
            raise ValueError("ca says whom to trust and insecure says everybody: give one")
        return self


class AwsSettings(Setting):
    """Sign requests as AWS wants them (SigV4); needs the extra `sluice-registry[aws]`."""

    region: str = Field(pattern=r"^[a-z0-9-]+$")
    """Region of the gateway MLflow is behind."""
    service: str = "execute-api"
    """Name the gateway signs for; MLflow's own client uses this one."""

    @model_validator(mode="after")
    def _installed(self) -> "AwsSettings":
        if importlib.util.find_spec("botocore") is None:
            raise ValueError("botocore is not installed here: pip install 'sluice-registry[aws]'")
        return self


class RegistrySettings(Setting):
    """The MLflow server that is the registry. Files are read again when they change."""

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
    """File with the basic-auth password."""
    credentials_file: Path | None = None
    """File MLflow's own client keeps both in, `~/.mlflow/credentials`; instead of those two."""
    token_file: Path | None = None
    """File with a bearer token, a Kubernetes service account's too; user and password win over
    it, as they do in MLflow's client."""
    aws: AwsSettings | None = None
    """Sign requests for an AWS gateway; instead of all of the above."""
    tls: TlsSettings = TlsSettings()
    """Certificates."""
    hook_secret_file: Path | None = None
    """File with the secret of MLflow's webhook, or two of them on two lines while it is being
    replaced; empty: `POST /hooks/mlflow` takes nothing, and changes are found by looking."""
    quiet: Duration = timedelta(seconds=30)
    """How long a request that got no answer may still take effect there; then we look again."""
    artifact_roots: dict[str, str] = Field(default={})
    """Prefix MLflow says -> prefix the cluster can load, `mlflow-artifacts:/` -> `s3://mlflow/`."""

    @model_validator(mode="after")
    def _one_way_in(self) -> "RegistrySettings":
        if bool(self.username_file) != bool(self.password_file):
            raise ValueError("username_file and password_file belong together: give both")
        if self.credentials_file and self.username_file:
            raise ValueError("credentials_file holds user name and password too: give one of them")
        basic = self.username_file or self.credentials_file or self.token_file
        if self.aws and basic:
            raise ValueError("aws signs requests and goes with no other credentials: give one")
        if self.url.scheme == "http" and self.tls != TlsSettings():
            raise ValueError("tls says whom to trust, and the url is http: write it as https")
        return self
