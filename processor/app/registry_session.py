"""The session with MLflow, made from settings.

Place in the flow: `outside` opens it first; `checkup` says what it leaves to wish for. Every
file it names is read again when it changes.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from processor.adapters.credentials import BasicAuth, BearerToken, ClientFile, SecretFile, TlsFiles
from processor.adapters.http import Http, Sign
from processor.adapters.registries.mlflow import MlflowRegistry
from processor.adapters.registries.remarks import Watch
from processor.settings.registry import AwsSettings, RegistrySettings, TlsSettings
from processor.settings.tree import Settings
from processor.sources.pace import asked


@asynccontextmanager
async def open_registry(whole: Settings) -> AsyncIterator[MlflowRegistry]:
    """Open the session; nothing is asked yet."""
    settings = whole.registry
    http = Http(
        product="registry",
        base_url=str(settings.url),
        setting="registry.url",
        trust="registry.tls",
        login="registry.username_file, .credentials_file and .token_file",
        auth=_auth(settings),
        sign=_sign(settings.aws),
        tls=_tls(settings.tls),
        heard=asked,
    )
    async with http:
        yield MlflowRegistry(
            registry_id=settings.id,
            http=http,
            artifact_roots=settings.artifact_roots,
            watch=Watch(
                workspaces=settings.workspaces,
                password=bool(settings.username_file or settings.credentials_file),
                insecure=settings.tls.insecure,
                hook_url=_hook_url(whole) if settings.hook_secret_file else "",
            ),
        )


def _hook_url(settings: Settings) -> str:
    """Return where MLflow's webhook comes to."""
    base = str(settings.web.public_url or f"http://{settings.web.listen}")
    return f"{base.rstrip('/')}/hooks/mlflow"


def _auth(settings: RegistrySettings) -> Callable[[], Mapping[str, str]] | None:
    """Return what proves who we are to MLflow; user and password win over a token."""
    if settings.username_file and settings.password_file:
        return BasicAuth(
            username=SecretFile(settings.username_file),
            password=SecretFile(settings.password_file),
        )
    if settings.credentials_file:
        return ClientFile(file=SecretFile(settings.credentials_file, lines=True))
    if settings.token_file:
        return BearerToken(token=SecretFile(settings.token_file))
    return None


def _sign(settings: AwsSettings | None) -> Sign | None:
    """Return what signs requests, None where nothing does."""
    if settings is None:
        return None
    from processor.adapters.aws import AwsSignature  # noqa: PLC0415 - an extra, not always there

    return AwsSignature(region=settings.region, service=settings.service)


def _tls(settings: TlsSettings) -> TlsFiles | None:
    """Return whom to trust, None for the system's authorities and no certificate of ours."""
    if settings == TlsSettings():
        return None
    return TlsFiles(
        ca=settings.ca,
        client=settings.client_file,
        key=settings.client_key_file,
        insecure=settings.insecure,
    )
