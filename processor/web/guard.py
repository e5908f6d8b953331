"""What every request passes before anybody looks at it, and what every answer carries.

Place in the flow: the second middleware, inside `problems`. Sizes come before any parsing; the
Host header must be ours (a page elsewhere may point its own name at 127.0.0.1); a browser may
change something only from our own pages.
"""

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from processor.errors import Refused

LARGEST = 1024 * 1024
"""Bytes of a request body."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # not `no-referrer`: with it browsers send `Origin: null` from our own forms
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@dataclass(frozen=True, kw_only=True)
class Guard:
    """The checks; `public_url` is the only name besides loopback we answer to, None: none."""

    public_url: str | None

    @web.middleware
    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Check, handle, and dress the answer."""
        self._size(request)
        self._host(request)
        if request.method not in _SAFE:
            self._origin(request)
        return await handler(request)

    @staticmethod
    def _size(request: web.Request) -> None:
        """Refuse by what is announced; what streams in beyond it is cut off while reading."""
        if request.content_length is not None and request.content_length > LARGEST:
            raise web.HTTPRequestEntityTooLarge(LARGEST, request.content_length)
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise Refused(
                "Not compressed, please",
                "send the body without Content-Encoding",
                status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            )

    def _host(self, request: web.Request) -> None:
        name = _host_of(f"//{request.host}")
        if name in _LOOPBACK or (self.public_url and name == _host_of(self.public_url)):
            return
        raise Refused(
            "Not our name",
            "this host name is not one Sluice answers to; use 127.0.0.1, or set web.public_url",
            status=HTTPStatus.MISDIRECTED_REQUEST,
        )

    def _origin(self, request: web.Request) -> None:
        """Refuse what a page elsewhere made a browser send; programs send neither header."""
        site = request.headers.get("Sec-Fetch-Site")
        origin = request.headers.get("Origin")
        ours = {request.host, _netloc(self.public_url or "")} - {""}
        strange = origin is not None and _netloc(origin) not in ours
        if strange or site not in {None, "same-origin", "none"}:
            raise Refused(
                "From elsewhere", "only our own pages may send this", status=HTTPStatus.FORBIDDEN
            )


async def dress(_: web.Request, answer: web.StreamResponse) -> None:
    """Put the headers on every answer, refusals included (a signal: `on_response_prepare`)."""
    for name, value in _HEADERS.items():
        answer.headers.setdefault(name, value)
    answer.headers.setdefault("Cache-Control", "no-store")


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _netloc(origin: str) -> str:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return ""
    return parts.netloc if parts.scheme in {"http", "https"} else ""
