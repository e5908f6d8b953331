"""Read a manifest as a tree with marks, and find a value in it by its path.

Place in the flow: `rules/manifests` edits and reads through it. What two readers could take for
two things (duplicate keys, templates, several objects of one name) is refused here, in words.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

_LONGEST = 1_000_000  # characters; a manifest is a few thousand
_OPEN_MAPS = frozenset({"labels", "annotations"})
"""Mappings whose keys hold dots and whose values Kubernetes takes only as strings."""


Flat = dict[tuple[object, ...], tuple[str, str]]


class ManifestError(ValueError):
    """The manifest cannot be read or changed safely; the message says why and what to do."""


class MissingError(ManifestError):
    """The path's parent does not exist."""


@dataclass(frozen=True)
class Place:
    """Where a path leads: a value, or (None) a key missing from the mapping `parent`."""

    path: str
    keys: tuple[object, ...]
    parent: Node
    key: Node | None
    value: Node | None
    strings_only: bool


@dataclass(frozen=True)
class _Step:
    """One step along a path: the key's or item's name, and how many parts of the path it takes."""

    name: object
    width: int
    key: Node | None
    value: Node | None


def decoded(text: str | bytes) -> str:
    """Return the file as text; what is no manifest, or only a template of one, is refused."""
    try:
        source = text.decode() if isinstance(text, bytes) else text
    except UnicodeDecodeError as odd:
        raise ManifestError(f"not UTF-8 at byte {odd.start}: store the file as UTF-8") from odd
    if len(source) > _LONGEST:
        raise ManifestError(f"{len(source)} characters are more than {_LONGEST}: split the file")
    if any("{{" in line and not line.lstrip().startswith("#") for line in source.splitlines()):
        raise ManifestError(
            "holds a template ({{ ... }}): point the policy at a rendered manifest or a values file"
        )
    return source


def documents_of(source: str) -> list[Node | None]:
    """Return the root node of every document."""
    try:
        return list(YAML(typ="safe", pure=True).compose_all(source))
    except MarkedYAMLError as odd:
        line = f" in line {odd.problem_mark.line + 1}" if odd.problem_mark else ""
        raise ManifestError(f"not YAML{line}: {odd.problem or odd.context}") from odd
    except (YAMLError, ValueError, RecursionError) as odd:
        raise ManifestError(f"not YAML: {' '.join(str(odd).split()) or 'nested too deep'}") from odd


def _child(node: Node | None, key: str) -> Node | None:
    """Return a mapping's value, None when there is none."""
    if not isinstance(node, MappingNode):
        return None
    return next((v for k, v in node.value if isinstance(k, ScalarNode) and k.value == key), None)


def _word(node: Node | None) -> str | None:
    """Return a scalar's text."""
    return node.value if isinstance(node, ScalarNode) else None


def object_in(documents: Sequence[Node | None], kind: str, name: str, namespace: str | None) -> int:
    """Return which document is the object; it must be exactly one."""
    there: list[str] = []
    hits: list[int] = []
    for at, root in enumerate(documents):
        metadata = _child(root, "metadata")
        is_kind, is_name = _word(_child(root, "kind")), _word(_child(metadata, "name"))
        space = _word(_child(metadata, "namespace"))
        if is_kind is None and is_name is None:
            continue
        there.append(f"{is_kind}/{space + '/' if space else ''}{is_name}")
        if (is_kind, is_name) == (kind, name) and namespace in {None, space}:
            hits.append(at)
    sought = f"{kind}/{namespace + '/' if namespace else ''}{name}"
    if not hits:
        raise ManifestError(f"no {sought} in it; it holds {', '.join(there) or 'no object'}")
    if len(hits) > 1:
        raise ManifestError(f"{len(hits)} objects are {sought}: name the namespace in the policy")
    return hits[0]


def refuse_duplicates(node: Node, seen: set[int] | None = None) -> None:
    """Refuse mappings that name a key twice: readers disagree which one counts."""
    seen = set() if seen is None else seen
    if id(node) in seen or isinstance(node, ScalarNode):
        return
    seen.add(id(node))
    if isinstance(node, MappingNode):
        names = [key.value for key, _ in node.value if isinstance(key, ScalarNode)]
        for twice in sorted({each for each in names if names.count(each) > 1}):
            line = node.start_mark.line + 1
            raise ManifestError(f"key {twice!r} stands twice in the mapping at line {line}")
    for child in node.value:
        for part in child if isinstance(child, tuple) else (child,):
            refuse_duplicates(part, seen)


def find(root: Node | None, path: str, *, writing: bool = True) -> Place:
    """Follow a dotted path; keys that hold dots themselves are found too, longest first."""
    rest = path.split(".")
    node: Node | None = root
    keys: tuple[object, ...] = ()
    while True:
        if writing:
            _unshared(node, ".".join(map(str, keys)) or "the top")
        strings_only = bool(keys) and keys[-1] in _OPEN_MAPS
        step = _step(node, rest, keys, writing=writing)
        keys, rest = (*keys, step.name), rest[step.width :]
        if not rest:
            if writing:
                _unshared(step.value, path)
            assert node is not None  # noqa: S101 - `_step` has refused it
            return Place(path, keys, node, step.key, step.value, strings_only)
        node = step.value


def _step(
    node: Node | None, rest: Sequence[str], keys: tuple[object, ...], *, writing: bool
) -> _Step:
    """Take one step of a path: into an item of a sequence, or to the longest key that fits."""
    done = ".".join(map(str, keys)) or "the top"
    if isinstance(node, SequenceNode) and rest[0].isdecimal():
        if int(rest[0]) >= len(node.value):
            raise MissingError(f"{done} has no item {rest[0]}: add it by hand once")
        return _Step(int(rest[0]), 1, None, node.value[int(rest[0])])
    if not isinstance(node, MappingNode):
        raise MissingError(f"{done} is no mapping: add {'.'.join(rest)} below it by hand once")
    found = _longest(node, rest)
    if any(_is_merge(key) for key, _ in node.value) and (writing or found is None):
        raise ManifestError(f"{done} uses a merge key (<<): write its values out there")
    if found is not None:
        return found
    if len(rest) > 1 and not (keys and keys[-1] in _OPEN_MAPS):
        raise MissingError(f"{done} has no {rest[0]}: add {'.'.join(rest)} by hand once")
    return _Step(".".join(rest), len(rest), None, None)


def _unshared(node: Node | None, done: str) -> None:
    """Refuse a node other places share: changing it would change them too."""
    if node is not None and node.anchor:
        raise ManifestError(f"{done} uses an anchor or alias: write the value out there")


def _is_merge(key: Node) -> bool:
    """Tell whether a key merges another mapping in."""
    return isinstance(key, ScalarNode) and key.value == "<<" and key.style is None


def _longest(node: MappingNode, rest: Sequence[str]) -> _Step | None:
    """Return the step to the key that takes the most parts of the path."""
    for width in range(len(rest), 0, -1):
        sought = ".".join(rest[:width])
        for key, value in node.value:
            if isinstance(key, ScalarNode) and key.value == sought:
                return _Step(sought, width, key, value)
    return None


def scalar(place: Place) -> str | None:
    """Return the text that stands there; None for nothing or null."""
    if place.value is None:
        return None
    if not isinstance(place.value, ScalarNode):
        raise ManifestError(f"{place.path} is no single value but holds others")
    return None if type_of(place.value) == "null" else str(place.value.value)


def type_of(node: Node) -> str:
    """Return the short name of a node's type."""
    return str(node.tag).rpartition(":")[2]


def flat(
    node: Node | None,
    keys: tuple[object, ...] = (),
    found: Flat | None = None,
    seen: dict[int, int] | None = None,
) -> Flat:
    """Return every node of a document by its path; an alias is told apart, not expanded."""
    found, seen = {} if found is None else found, {} if seen is None else seen
    if node is None:
        return found
    if id(node) in seen:
        found[keys] = ("alias", str(seen[id(node)]))
        return found
    seen[id(node)] = len(seen)
    if isinstance(node, ScalarNode):
        found[keys] = (type_of(node), str(node.value))
        return found
    found[keys] = (type_of(node), "")
    for at, child in enumerate(node.value):
        if isinstance(child, tuple):
            key, value = child
            simple = isinstance(key, ScalarNode)
            if not simple:
                flat(key, (*keys, at, "?"), found, seen)
            flat(value, (*keys, key.value if simple else at), found, seen)
        else:
            flat(child, (*keys, at), found, seen)
    return found
