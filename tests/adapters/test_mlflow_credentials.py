"""Who we are to MLflow: every way its own client has, from files that may change."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from processor.adapters.aws import AwsSignature
from processor.app.registry_session import open_registry
from processor.errors import Unavailable
from processor.settings.tree import Settings
from tests.adapters.answering import Asked, Served, answering, json_of, plain
from tests.adapters.certificates import Authority

WS = "default"
EMPTY = json_of(200, "{}")


PASSWORD = "mlflow_tracking_password"
SECTION = "[mlflow]\nmlflow_tracking_"


def settings(url: str, **registry: object) -> Settings:
    return Settings.model_validate({"registry": {"url": url, **registry}})


async def ask(url: str, **registry: object) -> None:
    async with open_registry(settings(url, **registry)) as it:
        await it.models(WS)


async def refusal(url: str, **registry: object) -> str:
    with pytest.raises(Unavailable) as caught:
        await ask(url, **registry)
    return str(caught.value)


def basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def write(folder: Path, **files: str) -> dict[str, str]:
    for name, text in files.items():
        (folder / name).write_text(text)
    return {name: str(folder / name) for name in files}


@pytest.fixture
def secrets(tmp_path: Path) -> dict[str, str]:
    return write(
        tmp_path,
        user="ana\n",
        password="hünter2 \n",
        token="t-1\n",
        credentials=f"{SECTION}username = ben\n{PASSWORD} = 100%%:x\n",
    )


async def sent(**registry: object) -> str | None:
    async with answering(EMPTY) as served:
        await ask(served.url, **registry)
    return served.asked[0].headers.get("Authorization")


async def test_without_credentials_none_are_sent() -> None:
    assert await sent() is None


async def test_user_and_password_are_sent(secrets: dict[str, str]) -> None:
    files = {"username_file": secrets["user"], "password_file": secrets["password"]}
    assert await sent(**files) == basic("ana", "hünter2")


async def test_user_and_password_win_over_a_token_as_in_mlflows_client(
    secrets: dict[str, str],
) -> None:
    files = {"username_file": secrets["user"], "password_file": secrets["password"]}
    assert await sent(**files, token_file=secrets["token"]) == basic("ana", "hünter2")
    both = {"credentials_file": secrets["credentials"], "token_file": secrets["token"]}
    assert await sent(**both) == basic("ben", "100%:x")


async def test_a_token_is_sent(secrets: dict[str, str]) -> None:
    assert await sent(token_file=secrets["token"]) == "Bearer t-1"


async def test_mlflows_own_file_is_read_as_mlflow_reads_it(secrets: dict[str, str]) -> None:
    assert await sent(credentials_file=secrets["credentials"]) == basic("ben", "100%:x")


@pytest.mark.parametrize("way", ["username_file", "credentials_file", "token_file"])
async def test_a_changed_file_is_read_before_the_next_request(
    way: str, secrets: dict[str, str]
) -> None:
    files = {
        "username_file": {"username_file": secrets["user"], "password_file": secrets["password"]},
        "credentials_file": {"credentials_file": secrets["credentials"]},
        "token_file": {"token_file": secrets["token"]},
    }[way]
    async with answering(EMPTY) as served, open_registry(settings(served.url, **files)) as it:
        await it.models(WS)
        changed = Path(list(files.values())[-1])
        changed.write_text(changed.read_text().rstrip() + "-rotated\n")
        await it.models(WS)
        await it.models(WS)
    first, *later = [one.headers["Authorization"] for one in served.asked]
    assert first not in later
    assert len(set(later)) == 1


async def test_a_file_that_cannot_be_read_is_named_and_nothing_is_sent(tmp_path: Path) -> None:
    broken = {
        "there is none": str(tmp_path / "nothing"),
        "empty": write(tmp_path, empty=" \n")["empty"],
        "no section": write(tmp_path, other="[databricks]\nhost = x\n")["other"],
        "no format": write(tmp_path, odd="s3cret")["odd"],
        "a %": write(tmp_path, percent=f"{SECTION}username=a\n{PASSWORD}=s3cret%\n")["percent"],
    }
    async with answering(EMPTY) as served:
        for path in broken.values():
            words = await refusal(served.url, credentials_file=path)
            assert path in words
            assert "s3cret" not in words
        words = await refusal(served.url, token_file=broken["empty"])
        assert "the file is empty" in words
        words = await refusal(served.url, token_file=write(tmp_path, two="s3\ncret")["two"])
        assert "more than one line" in words
        assert "cret" not in words
    assert served.asked == []


async def test_what_was_wrong_with_the_credentials_is_said(secrets: dict[str, str]) -> None:
    asks = {"WWW-Authenticate": 'Basic realm="mlflow"'}
    async with answering(plain(401, "who?", headers=asks)) as served:
        none = await refusal(served.url)
        token = await refusal(served.url, token_file=secrets["token"])
        wrong = await refusal(served.url, credentials_file=secrets["credentials"])
    assert "was given none; see registry.username_file" in none
    assert "takes a user name and a password, and was given a token" in token
    assert "wrong or expired" in wrong
    for words in (none, token, wrong):
        assert "t-1" not in words
        assert "100%" not in words


async def test_a_workspace_is_named_in_a_header_and_the_usual_one_is_not() -> None:
    async with answering(EMPTY) as served, open_registry(settings(served.url)) as it:
        await it.models("team-a")
        await it.models("default")
    assert [one.headers.get("X-MLFLOW-WORKSPACE") for one in served.asked] == ["team-a", None]


# -- TLS ------------------------------------------------------------------------------------


@asynccontextmanager
async def guarded(authority: Authority, *, clients: bool = False) -> AsyncIterator[Served]:
    async with answering(EMPTY, tls=authority.serving(clients=clients)) as served:
        yield served


async def test_an_unknown_authority_is_refused_and_the_setting_named(tmp_path: Path) -> None:
    async with guarded(Authority(tmp_path)) as served:
        words = await refusal(served.url)
    assert "does not trust the certificate" in words
    assert "name who signed it in registry.tls.ca" in words
    assert served.asked == []


async def test_a_known_authority_is_trusted_and_its_file_read_again(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    ours = tmp_path / "trusted.pem"
    ours.write_bytes(other.pem.read_bytes())
    async with (
        guarded(authority) as served,
        open_registry(settings(served.url, tls={"ca": str(ours)})) as it,
    ):
        with pytest.raises(Unavailable, match="does not trust"):
            await it.models(WS)
        ours.write_bytes(authority.pem.read_bytes())
        await it.models(WS)
    assert len(served.asked) == 1


async def test_any_certificate_is_believed_only_when_it_is_said(tmp_path: Path) -> None:
    async with guarded(Authority(tmp_path)) as served:
        await ask(served.url, tls={"insecure": True})
    assert len(served.asked) == 1


@pytest.mark.parametrize("apart", [True, False])
async def test_a_client_certificate_is_shown(tmp_path: Path, *, apart: bool) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("sluice")
    files = {"client_file": str(certificate), "client_key_file": str(key)}
    if not apart:
        certificate.write_bytes(certificate.read_bytes() + key.read_bytes())
        del files["client_key_file"]
    async with guarded(authority, clients=True) as served:
        await ask(served.url, tls={"ca": str(authority.pem), **files})
    assert len(served.asked) == 1


@asynccontextmanager
async def alerting(authority: Authority) -> AsyncIterator[str]:
    """Serve with a TLS that says why it refuses; asyncio's servers, uvicorn's too, do not."""
    context = authority.serving(clients=True)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(5)

        def refuse() -> None:
            while True:
                try:
                    taken, _ = listening.accept()
                except OSError:
                    return
                tls = context.wrap_socket(taken, server_side=True, do_handshake_on_connect=False)
                with contextlib.suppress(OSError):
                    tls.do_handshake()
                with socket.socket(fileno=tls.detach()) as bare, contextlib.suppress(OSError):
                    bare.settimeout(5)
                    bare.recv(65536)  # what is left unread would reset the connection

        serving = asyncio.create_task(asyncio.to_thread(refuse))
        try:
            yield f"https://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            await serving


async def test_a_client_certificate_that_is_missing_or_strange_is_explained(
    tmp_path: Path,
) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    certificate, key = other.issue("stranger")
    strange = {"client_file": str(certificate), "client_key_file": str(key)}
    for files in ({}, strange):
        tls = {"ca": str(authority.pem), **files}
        async with alerting(authority) as url:
            words = await refusal(url, tls=tls)
        assert "refuses our certificate, or wants one" in words
        assert "name one it knows, and its key, in registry.tls.client_file" in words
        async with guarded(authority, clients=True) as served:
            words = await refusal(served.url, tls=tls)
        assert "does it know the certificate in registry.tls.client_file?" in words
        assert served.asked == []


async def test_a_client_certificate_renewed_on_disk_is_used_for_the_next_connection(
    tmp_path: Path,
) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    certificate, key = other.issue("stranger")
    tls = {"ca": str(authority.pem), "client_file": str(certificate), "client_key_file": str(key)}
    async with (
        guarded(authority, clients=True) as served,
        open_registry(settings(served.url, tls=tls)) as it,
    ):
        with pytest.raises(Unavailable, match="certificate"):
            await it.models(WS)
        for mine, theirs in zip(authority.issue("sluice"), (certificate, key), strict=True):
            theirs.write_bytes(mine.read_bytes())
        await it.models(WS)
    assert len(served.asked) == 1


async def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    odd = write(tmp_path, odd="nothing of the kind")["odd"]
    certificate, key = authority.issue("sluice")
    _, another = authority.issue("another")
    async with guarded(authority) as served:
        assert f"{odd}: the file holds no certificate" in await refusal(served.url, tls={"ca": odd})
        for files in (
            {"client_file": odd},
            {"client_file": str(certificate)},
            {"client_file": str(certificate), "client_key_file": str(another)},
        ):
            words = await refusal(served.url, tls={"ca": str(authority.pem), **files})
            assert f"{files['client_file']}: no certificate with the key to it" in words
        gone = str(tmp_path / "gone.pem")
        assert gone in await refusal(served.url, tls={"ca": gone})
    assert served.asked == []
    assert ssl.create_default_context().verify_mode == ssl.CERT_REQUIRED
    assert key.exists()


# -- AWS ------------------------------------------------------------------------------------

KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI"}


def signature(asked: Asked, secret: str, region: str, service: str) -> str:
    """Return what AWS would compute for a request, by its own description of the algorithm."""
    said = asked.headers["Authorization"]
    names = said.partition("SignedHeaders=")[2].partition(",")[0]
    scope = "/".join(said.partition("Credential=")[2].partition(",")[0].split("/")[1:])
    canonical = "\n".join(
        [
            asked.method,
            asked.path,
            "&".join(sorted(asked.query.split("&"))) if asked.query else "",
            *(f"{name}:{asked.headers[name].strip()}" for name in names.split(";")),
            "",
            names,
            hashlib.sha256(asked.body).hexdigest(),
        ]
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    date = asked.headers["X-Amz-Date"]
    key = f"AWS4{secret}".encode()
    for part in (date[:8], region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{digest}"
    return hmac.new(key, text.encode(), "sha256").hexdigest()


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", *KEYS):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


async def test_requests_are_signed_as_aws_checks_them(no_aws: pytest.MonkeyPatch) -> None:
    for name, value in {**KEYS, "AWS_SESSION_TOKEN": "session"}.items():
        no_aws.setenv(name, value)
    async with (
        answering(EMPTY) as served,
        open_registry(settings(served.url, aws={"region": "eu-central-1"})) as it,
    ):
        await it.versions_of(WS, "it's 100% für dich")
        await it.set_alias(WS, "für alle", "champion", "1")
    secret = KEYS["AWS_SECRET_ACCESS_KEY"]
    for asked in served.asked:
        made = asked.headers["Authorization"].partition("Signature=")[2]
        assert made == signature(asked, secret, "eu-central-1", "execute-api")
        assert asked.headers["X-Amz-Security-Token"] == "session"
        tampered = Asked(**{**vars(asked), "path": "/other"})
        assert made != signature(tampered, secret, "eu-central-1", "execute-api")
    assert [one.method for one in served.asked] == ["GET", "POST"]


@pytest.mark.usefixtures("no_aws")
async def test_aws_without_credentials_is_explained_and_nothing_is_sent() -> None:
    async with answering(EMPTY) as served:
        words = await refusal(served.url, aws={"region": "eu-central-1"})
    assert "there are no credentials in the environment, a profile or a role" in words
    assert served.asked == []


async def test_keys_that_are_renewed_sign_the_next_request(
    no_aws: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    no_aws.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws"))
    (tmp_path / "aws").write_text("[default]\naws_access_key_id=A\naws_secret_access_key=s\n")
    sign = AwsSignature(region="eu-central-1", service="execute-api")
    headers = await sign("GET", "http://127.0.0.1/", b"")
    assert "Credential=A/" in headers["Authorization"]
    assert "s" not in repr(sign).partition("AwsSignature")[0]


# -- settings -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("registry", "words"),
    [
        ({"username_file": "u"}, "belong together"),
        ({"password_file": "p"}, "belong together"),
        (
            {"username_file": "u", "password_file": "p", "credentials_file": "c"},
            "credentials_file holds user name and password too",
        ),
        ({"token_file": "t", "aws": {"region": "eu-central-1"}}, "no other credentials"),
        ({"aws": {"region": "EU 1"}}, "region"),
        ({"tls": {"ca": "x"}}, "write it as https"),
        ({"url": "https://x", "tls": {"client_key_file": "k"}}, "needs the client_file"),
        ({"url": "https://x", "tls": {"ca": "x", "insecure": True}}, "give one"),
    ],
)
def test_settings_that_do_not_fit_are_refused(registry: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        settings(**{"url": "http://127.0.0.1", **registry})


def test_aws_without_its_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ValueError, match=r"sluice-registry\[aws\]"):
        settings("http://127.0.0.1", aws={"region": "eu-central-1"})


async def test_a_redirect_takes_no_credentials_along(secrets: dict[str, str]) -> None:
    async with answering(EMPTY) as elsewhere:

        async def away(_: web.Request) -> web.Response:
            raise web.HTTPFound(elsewhere.url)

        async with answering(away) as served:
            words = await refusal(served.url, token_file=secrets["token"])
    assert "redirects (302)" in words
    assert elsewhere.asked == []
