"""Change single scalars in a manifest and leave every other byte as it was.

Place in the flow: `propose` edits with it, `sources/proposals` and `sources/rollouts` read with it.
The value is spliced in at the marks the YAML composer gives; then the result is parsed again and
compared node by node, so an edit that would touch anything else is refused, not made.
What it cannot do safely (anchors, templates, flow mappings to be extended) it refuses in words.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from processor.rules.documents import (
    ManifestError,
    MissingError,
    Place,
    decoded,
    documents_of,
    find,
    flat,
    object_in,
    refuse_duplicates,
    scalar,
    type_of,
)
from processor.rules.scalars import double, single, written

__all__ = ["Edited", "ManifestError", "edit", "values_at"]

_TYPED = {
    "int": re.compile(r"-?(?:0|[1-9][0-9]{0,17})"),
    "float": re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?"),
    "bool": re.compile(r"true|false"),
}


@dataclass(frozen=True)
class Edited:
    """The new file, and (path, old value or None, new value) of what really changed."""

    text: bytes
    changed: tuple[tuple[str, str | None, str], ...]


@dataclass(frozen=True)
class _Splice:
    """Replace text[start:end]."""

    start: int
    end: int
    text: str


def edit(
    text: str | bytes,
    *,
    kind: str,
    name: str,
    namespace: str | None = None,
    changes: Mapping[str, str],
) -> Edited:
    """Set scalars of one object in a file of one or more documents.

    `changes` maps dotted paths (`spec.predictor.model.storageUri`, `metadata.labels.a.b/c`,
    `spec.items.0`) to new values. A value stays a string for YAML, except where a number or
    boolean stands already. A missing last key of a block mapping is added.
    Raises ManifestError, and changes nothing, when any of them cannot be done.
    """
    source = decoded(text)
    documents = documents_of(source)
    at = object_in(documents, kind, name, namespace)
    root = documents[at]
    if root is not None:
        refuse_duplicates(root)
    splices: list[_Splice] = []
    changed: list[tuple[str, str | None, str]] = []
    wanted: dict[tuple[object, ...], str] = {}
    for path, new in changes.items():
        _is_text(path, new)
        place = find(root, path)
        if place.keys in wanted:
            raise ManifestError(f"{path} is set twice: keep one of the two")
        old = scalar(place)
        if old == new:
            continue
        wanted[place.keys] = new
        splices.append(
            _added(source, place, new) if place.value is None else _replaced(source, place, new)
        )
        changed.append((path, old, new))
    edited = _spliced(source, splices)
    if changed:
        _prove(documents, documents_of(edited), at, wanted)
    return Edited(edited.encode(), tuple(changed))


def values_at(
    text: str | bytes, *, kind: str, name: str, namespace: str | None = None, paths: Iterable[str]
) -> dict[str, str | None]:
    """Return the scalars at dotted paths of one object; None where nothing (or null) stands.

    Raises ManifestError when the object is not there once, or a path leads to no scalar.
    """
    documents = documents_of(decoded(text))
    root = documents[object_in(documents, kind, name, namespace)]
    if root is not None:
        refuse_duplicates(root)
    found: dict[str, str | None] = {}
    for path in paths:
        try:
            found[path] = scalar(find(root, path, writing=False))
        except MissingError:
            found[path] = None
    return found


def _is_text(path: str, value: str) -> None:
    """Refuse a value no file can hold."""
    try:
        value.encode()
    except UnicodeEncodeError as odd:
        raise ManifestError(f"the value for {path} is not text") from odd


def _replaced(source: str, place: Place, new: str) -> _Splice:
    """Return the splice that replaces a scalar, in the style it is written in where that holds."""
    node = place.value
    assert isinstance(node, ScalarNode)  # noqa: S101 - `scalar` has refused everything else
    start, end = node.start_mark.index, node.end_mark.index
    if node.style in {"|", ">"}:
        raise ManifestError(f"{place.path} is a block of text (| or >): write it on one line")
    if source[start:end].startswith("!"):
        raise ManifestError(f"{place.path} carries a tag (!): remove the tag")
    flow = bool(getattr(place.parent, "flow_style", False))
    if start == end:
        return _filled(source, place, written(new, flow=flow))
    if node.style == "'":
        return _Splice(start, end, single(new))
    if node.style == '"':
        return _Splice(start, end, double(new))
    typed = _TYPED.get(type_of(node))
    if typed and typed.fullmatch(new) and not place.strings_only:
        return _Splice(start, end, new)
    return _Splice(start, end, written(new, flow=flow))


def _filled(source: str, place: Place, written: str) -> _Splice:
    """Return the splice for `key:` with nothing behind it; the composer's mark is of no use."""
    colon = place.key and re.compile(r"[ \t]*:").match(source, place.key.end_mark.index)
    if not colon:
        raise ManifestError(f"{place.path} is empty in a way that cannot be filled: write it out")
    return _Splice(colon.end(), colon.end(), f" {written}")


def _added(source: str, place: Place, new: str) -> _Splice:
    """Return the splice that adds a key as a line of its own beside its siblings."""
    parent, line = place.parent, f"{written(str(place.keys[-1]))}: {written(new)}"
    if not isinstance(parent, MappingNode) or parent.flow_style or not parent.value:
        raise ManifestError(f"{place.path} is missing from a {{...}}: add it by hand once")
    indent = " " * parent.value[0][0].start_mark.column
    for _, value in reversed(parent.value):
        ended = isinstance(value, ScalarNode) and value.style not in {"|", ">"}
        if not (ended or getattr(value, "flow_style", None)) or value.anchor:
            continue
        if value.start_mark.index == value.end_mark.index:
            continue
        rest = re.compile(r"[ \t]*(?:[ \t]#[^\r\n]*)?(\r\n|\n|\r|\Z)").match(
            source, value.end_mark.index
        )
        if rest:
            newline = rest[1] or _newline(source)
            at = rest.start(1)
            return _Splice(at, at, f"{newline}{indent}{line}")
    raise ManifestError(f"{place.path} is missing and has no plain sibling: add it by hand once")


def _newline(source: str) -> str:
    """Return the line end the file uses."""
    return "\r\n" if "\r\n" in source else "\n"


def _spliced(source: str, splices: Sequence[_Splice]) -> str:
    """Return the text with all splices made; those at one place stay in their order."""
    pieces, done = [], 0
    for splice in sorted(splices, key=lambda each: each.start):
        pieces += [source[done : splice.start], splice.text]
        done = splice.end
    return "".join([*pieces, source[done:]])


def _prove(
    before: Sequence[Node | None],
    after: Sequence[Node | None],
    at: int,
    wanted: Mapping[tuple[object, ...], str],
) -> None:
    """Refuse an edit after which anything but the wanted paths differs."""
    if len(before) != len(after):
        raise ManifestError("the edit would change how many documents the file has")
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        was, is_now = flat(old), flat(new)
        for keys, value in wanted.items() if number == at else ():
            kind, read = is_now.pop(keys, ("", ""))
            if read != value or kind not in {"str", *_TYPED}:
                raise ManifestError(f"{'.'.join(map(str, keys))} would not read back as {value!r}")
            was.pop(keys, None)
        if was != is_now:
            odd = [keys for keys in {*was, *is_now} if was.get(keys) != is_now.get(keys)]
            names = ", ".join(sorted(".".join(map(str, keys)) for keys in odd[:5]))
            raise ManifestError(f"the edit would also change {names}: write the file more plainly")
