"""A small file that is read again when it changes.

Place in the flow: tokens and secrets of the doors for programs are in such files; they may be
exchanged at any time, and one that is gone or cannot be read counts as empty.
"""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(kw_only=True)
class KeptFile:
    """The file; None where none is set up."""

    path: Path | None
    _stamp: tuple[int, int, int] | None = field(default=None, repr=False)
    _text: bytes = field(default=b"", repr=False)

    def read(self) -> bytes:
        """Return what is in it, without the white space around it."""
        if self.path is None:
            return b""
        try:
            stat = self.path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if stamp != self._stamp:
                self._text, self._stamp = self.path.read_bytes().strip(), stamp
        except OSError:
            self._text, self._stamp = b"", None
        return self._text
