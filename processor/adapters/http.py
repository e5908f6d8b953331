"""The one HTTP session every adapter speaks through.

Place in the flow: an adapter holds an `Http` for its product. It adds the credentials, keeps the
time, repeats safe requests a little, and turns everything that is the product's trouble and not
the request's (unreachable, 5xx, 429, credentials, a proxy's page) into `Unavailable`. What is
left, any status below 500, is the adapter's to read. Proxies from the environment are not used
and redirects are not followed: credentials go to the configured host alone.
"""

import errno
import json
import os
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlencode

import aiohttp
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential
from yarl import URL

from processor.errors import Unavailable

Params = Mapping[str, str] | Sequence[tuple[str, str]] | None
Sign = Callable[[str, str, bytes], Awaitable[Mapping[str, str]]]

_LATE = frozenset({408, 425, 499})  # a proxy's word for "not this time"
_MOVED = range(300, 400)
_BROKEN = range(500, 600)
_Read = TypeVar("_Read")
_SHOWN = 200  # characters of a foreign body worth repeating in a message


def _nobody(_: float) -> None:
    """Tell nobody."""


class _Hiccup(Unavailable):
    """An outage that may be over in a moment: worth repeating a safe request."""


@dataclass(frozen=True)
class Answer:
    """A status below 500, the body as it came, and the sender's clock where it tells it."""

    status: int
    body: bytes
    sent: datetime | None = None

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

    `product` is its name in messages; `setting` is where its address is written, `trust` where
    its certificates are and `login` where our credentials. `timeout` is the seconds one request
    may take, `attempts` how often a GET is tried, `pause` the seconds before the first repetition
    (then doubled). Before each request `auth` gives the headers that prove who we are, `sign`
    those that depend on the request (method, URL, body), `tls` whom to trust; each may raise
    OSError for what it cannot read.
    `heard` is told after each request how many seconds it was out, answered or not.
    """

    product: str
    base_url: str
    setting: str = ""
    trust: str = ""
    login: str = ""
    auth: Callable[[], Mapping[str, str]] | None = field(default=None, repr=False)
    sign: Sign | None = field(default=None, repr=False)
    tls: Callable[[], ssl.SSLContext] | None = field(default=None, repr=False)
    timeout: float = 30.0
    attempts: int = 3
    pause: float = 0.2
    heard: Callable[[float], None] = field(default=_nobody, repr=False)
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
        url = _url(f"{self.base_url}/{path.lstrip('/')}", params)
        data = b"" if body is None else json.dumps(body).encode()
        proof = await self._proof(method, str(url), data)
        began = time.perf_counter()
        try:
            async with self._session.request(
                method,
                url,
                headers={**proof, **(headers or {})},
                data=data or None,
                ssl=True if self.tls is None else self._read(self.tls),
                allow_redirects=False,
            ) as response:
                sent = _date(response.headers.get("Date"))
                answer = Answer(response.status, await response.read(), sent)
                self._judge(response, answer)
                return answer
        except TimeoutError:
            reason = f"{self.base_url} gave no answer within {self.timeout:g} s"
            raise _Hiccup(self.product, reason) from None
        except aiohttp.ClientError as error:
            raise _Hiccup(self.product, self._words(error)) from None
        finally:
            self.heard(time.perf_counter() - began)

    async def _proof(self, method: str, url: str, data: bytes) -> Mapping[str, str]:
        """Return the headers that prove who we are, and the body's type."""
        kind = {"Content-Type": "application/json"} if data else {}
        auth = {} if self.auth is None else self._read(self.auth)
        if self.sign is None:
            return {**kind, **auth}
        try:
            return {**kind, **auth, **await self.sign(method, url, data)}
        except OSError as error:
            raise self._unreadable(error) from None

    def _read(self, read: Callable[[], _Read]) -> _Read:
        """Return what depends on files."""
        try:
            return read()
        except OSError as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: OSError) -> Unavailable:
        """Return which file of ours is to blame; nothing was sent."""
        name = f"{error.filename}: " if error.filename else ""
        return Unavailable(self.product, f"credentials: {name}{error.strerror or error}")

    def _words(self, error: aiohttp.ClientError) -> str:
        """Return why there is no answer, and what to do about it."""
        change = f"set {self.setting}" if self.setting else "correct its address"
        match error:
            case aiohttp.ClientConnectorDNSError():
                name = error.host
                return f"no host is called {name}: {change}, or look at this machine's name service"
            case aiohttp.ClientConnectorCertificateError():
                why = getattr(error.certificate_error, "verify_message", "") or "it is not valid"
                fix = f"; name who signed it in {self.trust}.ca" if self.trust else ""
                return f"this machine does not trust the certificate of {self.base_url}: {why}{fix}"
            case aiohttp.ClientError() if _refuses_us(error):
                fix = f"; name one it knows, and its key, in {self.trust}.client_file"
                said = f"{self.base_url} refuses our certificate, or wants one"
                return f"{said}{fix if self.trust else ''}"
            case aiohttp.ClientConnectorSSLError():
                return f"{self.base_url} does not speak TLS as it should: {change} if it is http"
            case aiohttp.ClientConnectorError(os_error=ConnectionRefusedError()):
                return f"nothing listens at {self.base_url}: start it, or {change}"
            case aiohttp.ClientConnectorError():
                why = os.strerror(error.errno).lower() if error.errno else str(error.os_error)
                return f"{self.base_url} cannot be reached: {why}"
            case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError(errno=errno.ECONNRESET):
                said = f"{self.base_url} closed the connection without an answer"
                if not self.trust or not self.base_url.startswith("https:"):
                    return said  # over TLS some servers refuse a certificate so, uvicorn does
                return f"{said}: does it know the certificate in {self.trust}.client_file?"
            case _:
                return f"{self.base_url} broke the answer off: {type(error).__name__}: {error}"

    def _judge(self, response: aiohttp.ClientResponse, answer: Answer) -> None:
        """Raise for an answer that speaks of the product and not of the request."""
        status = answer.status
        # By its look and not its type: MLflow's own /version is plain text said to be HTML.
        html = answer.body.lstrip()[:1] == b"<"
        if status == HTTPStatus.UNAUTHORIZED:
            raise Unavailable(self.product, f"401: {self._unknown(response)}")
        if status == HTTPStatus.FORBIDDEN and b"Invalid Host header" in answer.body:
            host = self.base_url.partition("://")[2].partition("/")[0]
            raise Unavailable(
                self.product,
                f"403 Invalid Host header: the server does not know itself as {host}; start it "
                f"with --allowed-hosts naming {host} (with and without the port)",
            )
        if status in _LATE:
            raise _Hiccup(self.product, f"answered {status}: {answer.text()}")
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

    def _unknown(self, response: aiohttp.ClientResponse) -> str:
        """Return why it does not know us."""
        asked = response.headers.get("WWW-Authenticate", "").partition(" ")[0].lower()
        sent = response.request_info.headers.get("Authorization", "").partition(" ")[0].lower()
        fix = f"; see {self.login}" if self.login else ""
        if not sent:
            return f"it asks for credentials and was given none{fix}"
        kinds = {"basic": "a user name and a password", "bearer": "a token"}
        if asked in kinds and sent in kinds and asked != sent:
            return f"it takes {kinds[asked]}, and was given {kinds[sent]}{fix}"
        return f"the credentials are wrong or expired{fix}"


def _url(address: str, params: Params) -> URL:
    """Return an address with its query, encoded as signatures need it: a space is %20."""
    pairs = list(params.items() if isinstance(params, Mapping) else params or ())
    query = urlencode(pairs, quote_via=quote, safe="-_.~")
    return URL(f"{address}?{query}" if query else address, encoded=True)


def _refuses_us(error: BaseException) -> bool:
    """Tell whether TLS broke off over our certificate; only OpenSSL's own words say so."""
    known = {"CERTIFICATE_REQUIRED", "UNKNOWN_CA", "BAD_CERTIFICATE", "CERTIFICATE_EXPIRED"}
    said = f"{error} {error.__cause__ or ''}".upper().replace(" ", "_")
    return "ALERT" in said and any(word in said for word in known)


def _date(header: str | None) -> datetime | None:
    """Return an HTTP date; None where there is none that can be read."""
    try:
        at = parsedate_to_datetime(header or "")
    except ValueError:
        return None
    return at if at.tzinfo else None


def _seconds(header: str | None) -> float:
    """Return how long `Retry-After` asks to wait; 1 s where it does not say."""
    if header is None:
        return 1.0
    if header.strip().isdigit():
        return float(header)
    until = _date(header)
    return 1.0 if until is None else max(1.0, (until - datetime.now(UTC)).total_seconds())
