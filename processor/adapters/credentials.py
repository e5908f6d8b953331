"""Credentials from files, re-read when the file changes.

Place in the flow: `app` builds one per product from the settings and gives it to
`adapters/http`, which asks for the header before each request. A rotated secret is picked up
with the next request; nothing here ever shows what it read.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class SecretFile:
    """One secret in one file; surrounding white space is not part of it."""

    path: Path
    _stamp: tuple[int, int, int] | None = field(default=None, init=False, repr=False)
    _secret: str = field(default="", init=False, repr=False)

    def read(self) -> str:
        """Return the secret, from memory while the file is untouched.

        Raises OSError naming the file when it cannot be read or is empty.
        """
        status = self.path.stat()
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        if stamp != self._stamp:
            try:
                self._secret = self.path.read_text(encoding="utf-8").strip()
            except UnicodeDecodeError:
                raise OSError(0, "the file is not UTF-8 text", str(self.path)) from None
            self._stamp = stamp
        if not self._secret:
            raise OSError(0, "the file is empty", str(self.path))
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
