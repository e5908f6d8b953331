"""Printing.

Place in the flow: every command prints through here, so that no name from outside can move the
cursor of somebody's terminal.
"""

import json
import unicodedata
from collections.abc import Iterable
from typing import Any

import typer


def tell(*lines: str) -> None:
    """Print lines on stdout."""
    for line in lines:
        typer.echo(_plain(line))


def complain(*lines: str) -> None:
    """Print lines on stderr."""
    for line in lines:
        typer.echo(_plain(line), err=True)


def tell_json(found: Any) -> None:  # noqa: ANN401 - JSON
    """Print JSON; everything that is not printable ASCII is escaped in it."""
    typer.echo(json.dumps(found, indent=2))


def columns(rows: Iterable[tuple[str, str]], indent: int = 2) -> list[str]:
    """Return two columns, the first as wide as its longest word."""
    pairs = list(rows)
    width = max((len(left) for left, _ in pairs), default=0)
    return [f"{' ' * indent}{left:<{width}}  {right}".rstrip() for left, right in pairs]


def moment(text: str | None) -> str:
    """Return a JSON moment to the second."""
    if not text:
        return ""
    return f"{text[:19].replace('T', ' ')} UTC" if text.endswith(("Z", "+00:00")) else text


def _plain(line: str) -> str:
    """Return a line without control and direction marks."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}"
        if unicodedata.category(mark) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and mark not in "\n\t"
        else mark
        for mark in line
    )
