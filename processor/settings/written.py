"""A YAML file with the line of every key.

Place in the flow: `load` reads `sluice.yaml` and each policy file through this, so that every
complaint can name file, line and field.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

Step = str | int
Place = tuple[Step, ...]
DEFAULT = "default"
"""The source of a value that nobody wrote."""


class Unreadable(Exception):
    """The file cannot be understood at all; the message is the whole complaint."""


@dataclass(frozen=True)
class Written:
    """One parsed file; `shown` is its name in messages, `tree` keeps the lines."""

    path: Path
    shown: str
    tree: object

    @property
    def plain(self) -> object:
        """Return the content as dicts, lists and scalars."""
        return _plain(self.tree)

    def at(self, place: Place) -> object:
        """Return what is written at a place, None where nothing is."""
        node = self.tree
        for step in place:
            node = _child(node, step)
        return _plain(node)

    def line(self, place: Place) -> int:
        """Return the line (from 1) of the deepest part of a place that is written."""
        node, line = self.tree, 1
        for step in place:
            found = _line_of(node, step)
            if found is None:
                break
            node, line = _child(node, step), found
        return line

    def source(self, place: Place) -> str:
        """Return `file:line` of what is written at a place, `default` where nothing is."""
        return DEFAULT if self.at(place) is None else f"{self.shown}:{self.line(place)}"

    def says(self, place: Place, complaint: str) -> str:
        """Return `file:line: dotted.field: complaint`."""
        field = dotted(place)
        return f"{self.shown}:{self.line(place)}: {f'{field}: ' if field else ''}{complaint}"


def read(path: Path, shown: str) -> Written:
    """Parse a file. Raises Unreadable with file, line and reason."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as exc:
        raise Unreadable(f"{shown}: cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise Unreadable(f"{shown}: is not UTF-8 text") from exc
    try:
        tree = YAML(typ="rt").load(text)
    except DuplicateKeyError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else 1
        problem = str(exc.problem).partition(" with value")[0]
        raise Unreadable(f"{shown}:{line}: {problem}: the key is written twice") from exc
    except MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else 1
        begun = f" (in what begins on line {exc.context_mark.line + 1})" if exc.context_mark else ""
        raise Unreadable(f"{shown}:{line}: not valid YAML: {exc.problem}{begun}") from exc
    except (YAMLError, RecursionError) as exc:
        raise Unreadable(f"{shown}: not valid YAML: {type(exc).__name__}") from exc
    if not isinstance(tree, CommentedMap):
        raise Unreadable(f"{shown}:1: should be a mapping of keys to values, and is not")
    return Written(path, shown, tree)


def dotted(place: Place) -> str:
    """Return `gates[0].better` for a place."""
    text = ""
    for step in place:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _child(node: object, step: Step) -> object:
    if isinstance(node, Mapping):
        return node.get(step)
    if isinstance(node, Sequence) and not isinstance(node, str) and isinstance(step, int):
        return node[step] if step < len(node) else None
    return None


def _line_of(node: object, step: Step) -> int | None:
    """Return the line of a key or an item; None when it is not written (or only merged in)."""
    if isinstance(node, CommentedMap) and step in node:
        try:
            return int(node.lc.key(step)[0]) + 1
        except KeyError:
            return None
    if isinstance(node, CommentedSeq) and isinstance(step, int) and step < len(node):
        return int(node.lc.item(step)[0]) + 1
    return None


def _plain(node: object) -> object:
    """Return builtin scalars and containers: round-trip nodes are subclasses of them."""
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, str):
        return str(node)
    if isinstance(node, Sequence):
        return [_plain(value) for value in node]
    if isinstance(node, bool):
        return node
    if isinstance(node, int):
        return int(node)
    if isinstance(node, float):
        return float(node)
    return node
