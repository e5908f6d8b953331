"""A bearer token kept in a file, read again when the file changes.

Place in the flow: `inbox` asks it before it parses anything; without a file, or with an empty
one, nobody gets in.
"""

import hmac
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from aiohttp import web

from processor.errors import Refused
from processor.web.kept_file import KeptFile

_SCHEME = b"bearer "


@dataclass(kw_only=True)
class TokenFile:
    """The token of `POST /events`."""

    path: Path | None

    def __post_init__(self) -> None:
        """Read nothing yet."""
        self._file = KeptFile(path=self.path)

    def check(self, request: web.Request) -> None:
        """Return for the right token. Raises Refused 401 wrong or missing, 403 none is set up."""
        token = self._file.read()
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
