"""Who is asking: local sign-in by a random link per person.

Place in the flow: `app` makes one; pages and API ask it who a request is from. Tokens are kept
as hashes. A link works once: using it makes the next one, so that the sign-in file (mode 0600)
always holds links that work. Sessions outlive a restart where a file is given to keep them.
"""

import hashlib
import hmac
import json
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Literal

from aiohttp import web
from pydantic import AwareDatetime, TypeAdapter, ValidationError

from processor import log
from processor.errors import Refused
from processor.ports.clock import Clock
from processor.values.principal import Principal

Kind = Literal["cookie", "bearer"]
LASTS: Mapping[Kind, timedelta] = {"cookie": timedelta(hours=12), "bearer": timedelta(days=30)}
_BYTES = 32


@dataclass(frozen=True)
class Session:
    """Somebody signed in; `form_token` goes into their forms and nowhere else."""

    who: Principal
    kind: Kind
    form_token: str


@dataclass(frozen=True)
class _Kept:
    person: str
    kind: Kind
    until: AwareDatetime


_SESSIONS = TypeAdapter(dict[str, _Kept])


@dataclass(kw_only=True)
class SignIn:
    """Links, sessions and tokens of the people under `people:`."""

    people: frozenset[str]
    clock: Clock
    links_file: Path | None
    sessions_file: Path | None = None
    secure: bool = False
    _links: dict[str, str] = field(default_factory=dict, repr=False)
    _kept: dict[str, _Kept] = field(default_factory=dict, repr=False)
    _base: str = ""

    @property
    def cookie(self) -> str:
        """Return the cookie's name; the prefix holds browsers to Secure where that is possible."""
        return "__Host-sluice" if self.secure else "sluice_session"

    def open(self, base_url: str) -> Mapping[str, str]:
        """Make a link per person under `base_url`; write the file (none: the terminal, once).

        Returns the links by person.
        """
        self._base = base_url.rstrip("/")
        self._load()
        self._links = {person: secrets.token_urlsafe(_BYTES) for person in sorted(self.people)}
        self._write_links()
        if self.links_file is None:
            for person, url in self._urls().items():
                sys.stderr.write(f"sign-in link of {person}, for one use: {url}\n")
        return self._urls()

    def redeem(self, token: str, kind: Kind) -> tuple[str, str]:
        """Return (person, new token) for a link's token. Raises Refused 401."""
        given = token.encode("utf-8", "surrogateescape")
        person = next(
            (
                name
                for name, link in self._links.items()
                if hmac.compare_digest(link.encode(), given)
            ),
            None,
        )
        if person is None:
            raise Refused(
                "This link does not work",
                "it was used before, or Sluice has started again since; take a new one from "
                "web.sign_in_file (or the terminal Sluice runs in)",
                status=HTTPStatus.UNAUTHORIZED,
            )
        self._links[person] = secrets.token_urlsafe(_BYTES)
        self._write_links()
        fresh = secrets.token_urlsafe(_BYTES)
        self._kept[_hash(fresh)] = _Kept(person, kind, self.clock.now() + LASTS[kind])
        self._save()
        return person, fresh

    def forget(self, request: web.Request) -> None:
        """End the session a request's cookie names."""
        self._kept.pop(_hash(request.cookies.get(self.cookie, "")), None)
        self._save()

    def session(self, request: web.Request) -> Session | None:
        """Return who a page's visitor is, by cookie; None for nobody."""
        token = request.cookies.get(self.cookie, "")
        person = self._person(token, "cookie")
        if person is None:
            return None
        return Session(person, "cookie", hashlib.sha256(f"form:{token}".encode()).hexdigest())

    def visitor(self, request: web.Request, form: Mapping[str, str]) -> Principal:
        """Return who sent a form of ours. Raises Refused: 401 nobody, 403 not our form."""
        session = self.session(request)
        if session is None:
            raise Refused("Sign in", "open your sign-in link first", status=HTTPStatus.UNAUTHORIZED)
        given = form.get("form_token", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(session.form_token.encode(), given):
            raise Refused(
                "Not our form", "reload the page and try again", status=HTTPStatus.FORBIDDEN
            )
        return session.who

    def caller(self, request: web.Request) -> Principal:
        """Return who calls the API, by bearer token. Raises Refused 401; cookies do not count."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        person = self._person(token.strip(), "bearer") if scheme.lower() == "bearer" else None
        if person is None:
            raise Refused(
                "Sign in", "sign in first: sluice sign-in LINK", status=HTTPStatus.UNAUTHORIZED
            )
        return person

    def _person(self, token: str, kind: Kind) -> Principal | None:
        kept = self._kept.get(_hash(token))
        if (
            kept is None
            or kept.kind != kind
            or kept.until <= self.clock.now()
            or kept.person not in self.people
        ):
            return None
        return Principal(kept.person, "authenticated")

    def _urls(self) -> Mapping[str, str]:
        return {name: f"{self._base}/sign-in?token={link}" for name, link in self._links.items()}

    def _write_links(self) -> None:
        if self.links_file is not None:
            _write_private(self.links_file, json.dumps(self._urls(), indent=2))

    def _load(self) -> None:
        """Read the sessions of an earlier run; a file that is not ours to read counts as none."""
        if self.sessions_file is None or not self.sessions_file.exists():
            return
        try:
            stored = _SESSIONS.validate_json(self.sessions_file.read_bytes())
        except (OSError, ValidationError) as exc:
            log.warn("web.sessions_unread", file=str(self.sessions_file), reason=str(exc))
            return  # everybody signs in again
        self._kept = stored

    def _save(self) -> None:
        now = self.clock.now()
        self._kept = {token: kept for token, kept in self._kept.items() if kept.until > now}
        if self.sessions_file is not None:
            _write_private(self.sessions_file, _SESSIONS.dump_json(self._kept).decode())


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def _write_private(path: Path, text: str) -> None:
    """Write a file only its owner reads, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n")
    fresh.replace(path)
