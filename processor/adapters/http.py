"""The one HTTP session every adapter speaks through.

Place in the flow: an adapter holds an `Http` for its product. It adds the credentials, keeps the
time, repeats safe requests a little, and turns everything that is the product's trouble and not
the request's (unreachable, 5xx, 429, credentials, a proxy's page) into `Unavailable`. What is
left, any status below 500, is the adapter's to read. Proxies from the environment are not used
and redirects are not followed: credentials go to the configured host alone.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Self

import aiohttp
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from processor.errors import Unavailable

Params = Mapping[str, str] | Sequence[tuple[str, str]] | None

_MOVED = range(300, 400)
_BROKEN = range(500, 600)
_SHOWN = 200  # characters of a foreign body worth repeating in a message


class _Hiccup(Unavailable):
    """An outage that may be over in a moment: worth repeating a safe request."""


@dataclass(frozen=True)
class Answer:
    """A status below 500 and the body as it came."""

    status: int
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - it is whatever the product says
        """Return the parsed body, floats (and NaN) kept as the text they were sent as.

        Raises ValueError when it is not JSON.
        """
        return json.loads(self.body, parse_float=str, parse_constant=str)

    def text(self) -> str:
        """Return the beginning of the body, for a message."""
        return " ".join(self.body[: _SHOWN * 4].decode(errors="replace").split())[:_SHOWN]


@dataclass(kw_only=True)
class Http:
    """A session with one product; use it inside `async with`.

    `product` is its name in messages, `setting` where its address is written, `timeout` the
    seconds one request may take, `attempts` how often a GET is tried, `pause` the seconds before
    the first repetition (then doubled).
    `auth` gives the headers that prove who we are and may raise OSError for an unreadable file.
    """

    product: str
    base_url: str
    setting: str = ""
    auth: Callable[[], Mapping[str, str]] | None = field(default=None, repr=False)
    timeout: float = 30.0
    attempts: int = 3
    pause: float = 0.2
    _session: aiohttp.ClientSession | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse credentials in the URL: they would end up in logs."""
        self.base_url = self.base_url.rstrip("/")
        if "@" in self.base_url.partition("://")[2].partition("/")[0]:
            raise ValueError(f"{self.product}: put credentials into files, not into the URL")

    async def __aenter__(self) -> Self:
        """Open the session."""
        self._session = aiohttp.ClientSession(
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=self.timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(
        self,
        path: str,
        *,
        params: Params = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Read something; hiccups are retried a few times. Raises Unavailable."""
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(_Hiccup),
            stop=stop_after_attempt(self.attempts),
            wait=wait_exponential(multiplier=self.pause, max=self.timeout),
            reraise=True,
        ):
            with attempt:
                return await self._request("GET", path, params, headers, None)
        raise AssertionError("tenacity returns or raises")

    async def send(
        self,
        method: str,
        path: str,
        *,
        body: object,
        params: Params = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Change something with a JSON body, in exactly one attempt.

        Raises Unavailable; the request may then have been carried out nevertheless.
        """
        return await self._request(method, path, params, headers, body)

    async def _request(
        self,
        method: str,
        path: str,
        params: Params,
        headers: Mapping[str, str] | None,
        body: object,
    ) -> Answer:
        """Make one request and judge its answer."""
        if self._session is None:
            raise RuntimeError(f"{self.product}: the session is not open")
        try:
            async with self._session.request(
                method,
                f"{self.base_url}/{path.lstrip('/')}",
                params=params,
                headers={**self._credentials(), **(headers or {})},
                json=body,
                allow_redirects=False,
            ) as response:
                answer = Answer(response.status, await response.read())
                self._judge(response, answer)
                return answer
        except TimeoutError:
            reason = f"{self.base_url} gave no answer within {self.timeout:g} s"
            raise _Hiccup(self.product, reason) from None
        except aiohttp.ClientError as error:
            raise _Hiccup(self.product, self._words(error)) from None

    def _words(self, error: aiohttp.ClientError) -> str:
        """Return why there is no answer, and what to do about it."""
        change = f"set {self.setting}" if self.setting else "correct its address"
        match error:
            case aiohttp.ClientConnectorDNSError():
                name = error.host
                return f"no host is called {name}: {change}, or look at this machine's name service"
            case aiohttp.ClientConnectorCertificateError():
                why = getattr(error.certificate_error, "verify_message", "") or "it is not valid"
                return f"this machine does not trust the certificate of {self.base_url}: {why}"
            case aiohttp.ClientConnectorSSLError():
                return f"{self.base_url} does not speak TLS as it should: {change} if it is http"
            case aiohttp.ClientConnectorError(os_error=ConnectionRefusedError()):
                return f"nothing listens at {self.base_url}: start it, or {change}"
            case aiohttp.ClientConnectorError():
                why = os.strerror(error.errno).lower() if error.errno else str(error.os_error)
                return f"{self.base_url} cannot be reached: {why}"
            case aiohttp.ServerDisconnectedError():
                return f"{self.base_url} closed the connection without an answer"
            case _:
                return f"{self.base_url} broke the answer off: {type(error).__name__}: {error}"

    def _credentials(self) -> Mapping[str, str]:
        """Return the headers that prove who we are."""
        if self.auth is None:
            return {}
        try:
            return self.auth()
        except OSError as error:
            reason = f"credentials: {error.filename}: {error.strerror}"
            raise Unavailable(self.product, reason) from None

    def _judge(self, response: aiohttp.ClientResponse, answer: Answer) -> None:
        """Raise for an answer that speaks of the product and not of the request."""
        status = answer.status
        # By its look and not its type: MLflow's own /version is plain text said to be HTML.
        html = answer.body.lstrip()[:1] == b"<"
        if status == HTTPStatus.UNAUTHORIZED:
            raise Unavailable(self.product, "401: the credentials are missing, wrong or expired")
        if status == HTTPStatus.FORBIDDEN and b"Invalid Host header" in answer.body:
            host = self.base_url.partition("://")[2].partition("/")[0]
            raise Unavailable(
                self.product,
                f"403 Invalid Host header: the server does not know itself as {host}; start it "
                f"with --allowed-hosts naming {host} (with and without the port)",
            )
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            after = _seconds(response.headers.get("Retry-After"))
            raise Unavailable(self.product, "429: too many requests", after=after)
        if status in _BROKEN:
            shown = "a page of HTML" if html else answer.text()
            wait = response.headers.get("Retry-After")
            kind = Unavailable if wait else _Hiccup
            raise kind(self.product, f"answered {status}: {shown}", after=_seconds(wait))
        if status in _MOVED:
            where = response.headers.get("Location", "").partition("?")[0]
            raise Unavailable(
                self.product, f"redirects ({status}) to {where}: give that place as its URL"
            )
        if html:
            raise Unavailable(
                self.product,
                f"answered {status} with a page of HTML where JSON was expected: is "
                f"{self.base_url} its address, and not a sign-in page or a proxy before it?",
            )


def _seconds(header: str | None) -> float:
    """Return how long `Retry-After` asks to wait; 1 s where it does not say."""
    if header is None:
        return 1.0
    if header.strip().isdigit():
        return float(header)
    try:
        until = parsedate_to_datetime(header)
    except ValueError:
        return 1.0
    return max(1.0, (until - datetime.now(UTC)).total_seconds()) if until.tzinfo else 1.0
