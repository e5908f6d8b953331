"""Who may knock at `POST /hooks/mlflow`: whoever knows the secret, and lately.

Place in the flow: `hooks` asks before it parses anything. MLflow signs
`{delivery id}.{timestamp}.{raw body}` with HMAC-SHA256 and sends the same three again when it
retries, for half a minute at its own settings; the window leaves room for clocks that differ.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path

from aiohttp import web

from processor.errors import Refused
from processor.web.kept_file import KeptFile

WINDOW = 300.0
"""Seconds a delivery's timestamp may be behind our clock, or ahead of it."""

_DELIVERY, _TIMESTAMP = "X-MLflow-Delivery-Id", "X-MLflow-Timestamp"
_SIGNATURE = "X-MLflow-Signature"
_ID = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)
_VERSION = "v1,"
_SEVERAL = 4  # secrets the file may hold: the present one and those it replaces


@dataclass(kw_only=True)
class HookSecret:
    """The secrets of one file, one a line, so that a new one can be set up beside the old."""

    path: Path | None
    setting: str

    def __post_init__(self) -> None:
        """Read nothing yet."""
        self._file = KeptFile(path=self.path)

    def check(self, request: web.Request, body: bytes, now: datetime) -> str:
        """Return the delivery's id when the signature is right and not old.

        Raises Refused: 400 a header is missing or malformed, 401 the signature is missing, wrong
        or outside the window.
        """
        delivery = _header(request, _DELIVERY, _ID)
        timestamp = _header(request, _TIMESTAMP, _SECONDS)
        signed = f"{delivery}.{timestamp}.".encode() + body
        presented = _presented(request)
        expected = [hmac.digest(secret, signed, hashlib.sha256) for secret in self._secrets()]
        # No shortcut: the time this takes tells nothing about which secret was nearly right.
        if not sum(hmac.compare_digest(presented, one) for one in expected):
            raise Refused(
                "Not with this signature",
                f"{_SIGNATURE} was not made with a secret in {self.setting}: give the webhook "
                "the secret in that file",
                status=HTTPStatus.UNAUTHORIZED,
            )
        late = now.timestamp() - int(timestamp)
        if abs(late) > WINDOW:
            where = "behind" if late > 0 else "ahead of"
            raise Refused(
                "Not at this time",
                f"{_TIMESTAMP} is {abs(late):.0f} s {where} this machine's clock, at most "
                f"{WINDOW:.0f} s are taken: set the clocks right, or it is an old delivery",
                status=HTTPStatus.UNAUTHORIZED,
            )
        return delivery

    def insist(self) -> None:
        """Return when there is a secret. Raises Refused 404 naming the setting."""
        if not self._secrets():
            raise Refused(
                "No such hook is set up",
                f"set {self.setting} to a file that holds the webhook's secret",
                status=HTTPStatus.NOT_FOUND,
            )

    def _secrets(self) -> list[bytes]:
        lines = (line.strip() for line in self._file.read().splitlines())
        return [line for line in lines if line][:_SEVERAL]


def _header(request: web.Request, name: str, form: re.Pattern[str]) -> str:
    values = request.headers.getall(name, [])
    if len(values) != 1 or not form.fullmatch(values[0]):
        raise Refused(
            "Malformed",
            f"the header {name} should be there once, as MLflow sends it",
            status=HTTPStatus.BAD_REQUEST,
        )
    return values[0]


def _presented(request: web.Request) -> bytes:
    """Return the signature's bytes. Raises Refused."""
    values = request.headers.getall(_SIGNATURE, [])
    if not values:
        raise Refused(
            "Not signed",
            f"there is no {_SIGNATURE}: create the webhook with a secret",
            status=HTTPStatus.UNAUTHORIZED,
        )
    try:
        if len(values) == 1 and values[0].startswith(_VERSION):
            return base64.b64decode(values[0].removeprefix(_VERSION), validate=True)
    except ValueError:
        pass
    raise Refused(
        "Malformed",
        f"the header {_SIGNATURE} should be there once and read v1,<base64>",
        status=HTTPStatus.BAD_REQUEST,
    )
