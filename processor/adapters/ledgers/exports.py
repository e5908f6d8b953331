"""Sealed events as files: one CloudEvent a line, with its place and its hash.

Place in the flow: `sealing` writes them, `verifying` and `refolding` read them back. The data is
the very text the ledger held, since that is what the hash chain covers.
"""

import gzip
import hashlib
import json
from collections.abc import Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import Row

from processor.adapters.ledgers import beside, rows
from processor.errors import Terminal
from processor.ports.log import Recorded
from processor.rules.chain import sequence

_DATA = ',"data":'
_ATTRIBUTES = {
    "id": "id",
    "source": "source",
    "type": "type",
    "subject": "subject",
    "partitionkey": "key",
    "actor": "actor",
    "actorassurance": "assurance",
    "cause": "cause",
    "traceparent": "trace",
}
"""Names on the wire, as `events/codec` writes them, and the columns they come from."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """One line: the event's columns, its place, its hash."""

    columns: Mapping[str, Any]
    pos: int
    hash: str

    def chained(self, *, traced: bool) -> dict[str, object]:
        """Return what the hash chain covers; as `rows.chained`."""
        return rows.chained(self._row, traced=traced)

    def recorded(self) -> Recorded:
        """Return the event as the ledger held it. Raises Terminal when it cannot be read."""
        return rows.readable(self._row)

    @property
    def _row(self) -> Row[Any]:
        """Return the event as a row of the table it stood in."""
        return cast("Row[Any]", SimpleNamespace(**self.columns, pos=self.pos, hash=self.hash))


def line(row: Row[Any], incarnation: int) -> str:
    """Return a stored event as one line; `data` stands last, exactly as stored."""
    attributes = {
        "specversion": "1.0",
        **{name: getattr(row, column) for name, column in _ATTRIBUTES.items()},
        "time": None if row.time is None else row.time.isoformat(),
        "datacontenttype": "application/json",
        "sequence": sequence(incarnation, row.pos),
        "recordedat": row.observed_at.isoformat(),
        "pos": row.pos,
        "hash": row.hash,
    }
    present = {name: value for name, value in attributes.items() if value is not None}
    text = json.dumps(present, ensure_ascii=False, separators=(",", ":"))
    return f"{text[:-1]}{_DATA}{row.data}}}"


def parse(text: str) -> Exported:
    """Read a line back. Raises ValueError."""
    head, found, data = text.partition(_DATA)
    if not found or not data.endswith("}"):
        raise ValueError("it is not a line of an export")
    attributes = json.loads(head + "}")
    columns = {column: attributes.get(name) for name, column in _ATTRIBUTES.items()}
    time = attributes.get("time")
    columns |= {
        "data": data[:-1],
        "time": None if time is None else datetime.fromisoformat(time),
        "observed_at": datetime.fromisoformat(attributes["recordedat"]),
    }
    return Exported(columns=columns, pos=int(attributes["pos"]), hash=str(attributes["hash"]))


def write(path: Path, lines: Iterable[str]) -> str:
    """Write a file of lines, whole and on disk or not at all; return its sha256.

    The same lines make the same file, so that an export that was interrupted may be made again.
    Raises Terminal when another file has the name.
    """
    new = beside.fresh(path)
    try:
        with (
            new.open("wb") as file,
            gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed,
        ):
            for text in lines:
                packed.write(f"{text}\n".encode())
        return _settle(new, path)
    finally:
        new.unlink(missing_ok=True)


def put(path: Path, content: bytes) -> None:
    """Write a file, whole and on disk or not at all. Raises Terminal: another has the name."""
    new = beside.fresh(path)
    new.write_bytes(content)
    _settle(new, path)


def _settle(new: Path, path: Path) -> str:
    """Give a file its name unless another one has it; return its sha256. Raises Terminal."""
    digest = digest_of(new)
    if path.exists() and digest_of(path) != digest:
        new.unlink()
        raise Terminal(f"{path} is there already and is another file: name another folder")
    beside.settle(new, path)
    return digest


def first_place(path: Path) -> int:
    """Return the place of a file's first event. Raises Terminal for one that is not whole."""
    with closing(read(path)) as events:
        for one in events:
            return one.pos
    raise Terminal(f"{path}: holds no event")


def read(path: Path) -> Generator[Exported]:
    """Yield the events of a file in order. Raises Terminal for one that is not whole."""
    number = 0
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as lines:
            for number, text in enumerate(lines, start=1):  # noqa: B007 - named in the complaint
                yield parse(text.rstrip("\n"))
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise Terminal(f"{path}: cannot be read at line {number + 1}: {error}") from error


def digest_of(path: Path) -> str:
    """Return a file's sha256. Raises Terminal when it is not there."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Terminal(f"{path}: cannot be read: {error.strerror or error}") from error
