"""A bearer token kept in a file, read again when the file changes.

Place in the flow: `inbox` asks it before it parses anything; without a file, or with an empty
one, nobody gets in.
"""

import hmac
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from aiohttp import web

from processor.errors import Refused

_SCHEME = b"bearer "


@dataclass(kw_only=True)
class TokenFile:
    """The token of `POST /events`."""

    path: Path | None
    _stamp: tuple[int, int, int] | None = field(default=None, repr=False)
    _token: bytes = field(default=b"", repr=False)

    def check(self, request: web.Request) -> None:
        """Return for the right token. Raises Refused 401 wrong or missing, 403 none is set up."""
        token = self._read()
        if not token:
            raise Refused(
                "No token is set up",
                "set web.events_token_file to a file that holds the token of POST /events",
                status=HTTPStatus.FORBIDDEN,
            )
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        presented = given[len(_SCHEME) :] if given[: len(_SCHEME)].lower() == _SCHEME else b""
        if not hmac.compare_digest(presented, token):
            raise Refused(
                "Not with this token",
                "send Authorization: Bearer with the token in web.events_token_file",
                status=HTTPStatus.UNAUTHORIZED,
            )

    def _read(self) -> bytes:
        """Return the token, empty when there is none; the file may be exchanged at any time."""
        if self.path is None:
            return b""
        try:
            stat = self.path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if stamp != self._stamp:
                self._token, self._stamp = self.path.read_bytes().strip(), stamp
        except OSError:
            self._token, self._stamp = b"", None
        return self._token
