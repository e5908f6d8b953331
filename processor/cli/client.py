"""HTTP to the running process.

Place in the flow: reads and wishes of every command go through here; the standard library is
enough, and quick to start. No proxy is asked: Sluice is on this machine or named outright.
"""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from processor.errors import SluiceError
from processor.settings.load import ConfigError, Loaded, load

_SECONDS = 30
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Unreachable(SluiceError):
    """Nothing answers there."""


class Denied(SluiceError):
    """The running process refused; the message is its reason."""

    def __init__(self, message: str, status: int) -> None:
        """Keep the HTTP status beside the reason."""
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Client:
    """One running process; `token` is a person's or the inbox's, None to read only."""

    url: str
    token: str | None = None

    def get(self, path: str, **query: str | None) -> Any:  # noqa: ANN401 - JSON
        """Return JSON. Raises Unreachable, Denied."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._send("GET", f"{path}?{urlencode(given)}" if given else path, None, {})

    def post(
        self, path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> Any:  # noqa: ANN401 - JSON
        """Send JSON, return JSON. Raises Unreachable, Denied."""
        sent = {"Content-Type": "application/json", **(headers or {})}
        return self._send("POST", path, json.dumps(body).encode(), sent)

    def _send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
        request = urllib.request.Request(  # noqa: S310 - `at` let only http and https through
            self.url + path, data=body, method=method, headers=dict(headers)
        )
        request.add_header("Accept", "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with _OPENER.open(request, timeout=_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as exc:
            with exc:
                raise Denied(_reason(exc), exc.code) from exc
        except (OSError, urllib.error.URLError) as exc:
            reason = exc.reason if isinstance(exc, urllib.error.URLError) else exc
            raise Unreachable(
                f"{self.url}: nothing answers ({reason}); start it with `sluice run`, "
                "or name it with --url"
            ) from exc
        except ValueError as exc:
            raise Unreachable(f"{self.url}: what answers there is not Sluice") from exc


def at(url: str | None, config: Path, token: str | None = None) -> Client:
    """Return the client of the named process, else of the configured one. Raises ConfigError."""
    if url is None:
        return Client(_url_of(load(config)), token)
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc:
        raise ConfigError([f"--url: {url!r} is not like http://127.0.0.1:8080"])
    return Client(url.rstrip("/"), token)


def signed_in(url: str | None, config: Path, token_file: Path | None) -> Client:
    """Return a client that speaks for the person the token file is of. Raises ConfigError."""
    client = at(url, config)
    path = token_file or token_path(client.url)
    return Client(client.url, read_token(path, "sign in first: sluice sign-in LINK"))


def read_token(path: Path, fix: str) -> str:
    """Return a token from its file. Raises ConfigError."""
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError([f"{path}: no token can be read there; {fix}"]) from exc
    if not token or not token.isascii() or not token.isprintable():
        raise ConfigError([f"{path}: holds no token; {fix}"])
    return token


def token_path(url: str) -> Path:
    """Return where the person's token for a process is kept."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return home / "sluice" / f"{quote(urlsplit(url).netloc, safe='.')}.token"


def segment(name: str) -> str:
    """Return a name as one path segment."""
    return quote(name, safe="")


def _url_of(loaded: Loaded) -> str:
    web = loaded.settings.web
    if web.public_url is not None:
        return str(web.public_url).rstrip("/")
    if web.port == 0:
        raise ConfigError([f"{loaded.path}: web.listen has no fixed port; name the URL with --url"])
    return f"http://{web.listen}"


def _reason(exc: urllib.error.HTTPError) -> str:
    """Return what the problem says."""
    try:
        problem = json.loads(exc.read(65536))
        return f"{problem['title']}: {problem['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"{exc.url}: HTTP {exc.code}; what answers there may not be Sluice"
