"""Credentials from files, re-read when the file changes.

Place in the flow: `app` builds one per product from the settings and gives it to
`adapters/http`, which asks for the header before each request. A rotated secret is picked up
with the next request; nothing here ever shows what it read.
"""

import base64
import configparser
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_Stamp = tuple[int, int, int]


@dataclass
class SecretFile:
    """One secret in one file; surrounding white space is not part of it.

    `lines`: it may have several lines, and goes into no header as it is.
    """

    path: Path
    lines: bool = False
    _stamp: _Stamp | None = field(default=None, init=False, repr=False)
    _secret: str = field(default="", init=False, repr=False)

    def read(self) -> str:
        """Return the secret, from memory while the file is untouched.

        Raises OSError naming the file when it cannot be read or is empty.
        """
        stamp = _stamp_of(self.path)
        if stamp != self._stamp:
            try:
                self._secret = self.path.read_text(encoding="utf-8").strip()
            except UnicodeDecodeError:
                raise _wrong(self.path, "the file is not UTF-8 text") from None
            self._stamp = stamp
        if not self._secret:
            raise _wrong(self.path, "the file is empty")
        if not self.lines and not self._secret.isprintable():
            raise _wrong(self.path, "the file has more than one line, or a control character")
        return self._secret


@dataclass(frozen=True, kw_only=True)
class BasicAuth:
    """A user name and a password."""

    username: SecretFile
    password: SecretFile

    def __call__(self) -> Mapping[str, str]:
        """Return the `Authorization: Basic` header."""
        pair = f"{self.username.read()}:{self.password.read()}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


@dataclass(frozen=True, kw_only=True)
class BearerToken:
    """A token."""

    token: SecretFile

    def __call__(self) -> Mapping[str, str]:
        """Return the `Authorization: Bearer` header."""
        return {"Authorization": f"Bearer {self.token.read()}"}


@dataclass(frozen=True, kw_only=True)
class ClientFile:
    """The user name and password in the file MLflow's own client reads."""

    file: SecretFile

    def __call__(self) -> Mapping[str, str]:
        """Return the `Authorization: Basic` header."""
        parser = configparser.ConfigParser()
        try:
            parser.read_string(self.file.read())
            pair = [parser["mlflow"][f"mlflow_tracking_{one}"] for one in ("username", "password")]
        except configparser.InterpolationError:  # its own words would show the password
            raise _wrong(self.file.path, "write a % of the password as %%") from None
        except (configparser.Error, KeyError):
            reason = (
                "the file has no [mlflow] section with mlflow_tracking_username and "
                "mlflow_tracking_password"
            )
            raise _wrong(self.file.path, reason) from None
        return {"Authorization": f"Basic {base64.b64encode(':'.join(pair).encode()).decode()}"}


@dataclass(kw_only=True)
class TlsFiles:
    """Whom to trust, and who we are where a server wants a certificate.

    `ca` holds the authorities to trust instead of the system's, `client` our certificate and
    (unless `key` does) its key, all PEM. `insecure` believes any certificate.
    """

    ca: Path | None = None
    client: Path | None = None
    key: Path | None = None
    insecure: bool = False
    _stamps: list[_Stamp] | None = field(default=None, init=False, repr=False)
    _context: ssl.SSLContext = field(init=False, repr=False)

    def __call__(self) -> ssl.SSLContext:
        """Return the context, a new one when a file changed.

        Raises OSError naming the file that cannot be used.
        """
        stamps = [_stamp_of(path) for path in (self.ca, self.client, self.key) if path]
        if stamps != self._stamps:
            self._context = self._read()
            self._stamps = stamps
        return self._context

    def _read(self) -> ssl.SSLContext:
        """Return a context from the files as they are."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except ssl.SSLError:
            raise _wrong(self.ca, "the file holds no certificate in PEM") from None
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.client:
            try:  # an empty password, or OpenSSL would ask the terminal for one
                context.load_cert_chain(self.client, self.key, password="")
            except ssl.SSLError:
                reason = "no certificate with the key to it, both in PEM and not encrypted"
                raise _wrong(self.client, reason) from None
        return context


def _stamp_of(path: Path) -> _Stamp:
    """Return what changes when a file does."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino


def _wrong(path: Path | None, reason: str) -> OSError:
    """Return what is wrong with a file."""
    return OSError(0, reason, str(path))
