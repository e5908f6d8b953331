"""Write a text as a YAML scalar that every reader takes for exactly that text.

Place in the flow: `rules/manifests` splices what this returns into a manifest.
"""

import re
from typing import Final

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./@+=-]*(?::[A-Za-z0-9_./@+=-]+)*")
_FLOW_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_BYTE: Final = 0x100
_BASIC: Final = 0x10000


def written(value: str, *, flow: bool = False) -> str:
    """Return a value plain where no YAML reader, 1.1 or 1.2, takes it for anything but text."""
    plain = (_FLOW_PLAIN if flow else _PLAIN).fullmatch(value)
    return value if plain and value.lower() not in _WORDS else double(value)


def single(value: str) -> str:
    """Return a value in single quotes, or in double ones when it holds what they cannot."""
    if not value.isprintable() or "\ufeff" in value:
        return double(value)
    return "'" + value.replace("'", "''") + "'"


def double(value: str) -> str:
    """Return a value in double quotes, on one line."""
    return '"' + "".join(_ESCAPES.get(char) or _printable(char) for char in value) + '"'


def _printable(char: str) -> str:
    """Return a character, escaped when YAML does not print it."""
    if char.isprintable():
        return char
    code = ord(char)
    return (
        f"\\x{code:02x}"
        if code < _BYTE
        else f"\\u{code:04x}"
        if code < _BASIC
        else f"\\U{code:08x}"
    )
