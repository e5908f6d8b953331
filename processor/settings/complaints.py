"""What is wrong with a file, in words: line, field, and the nearest right name.

Place in the flow: `load` turns pydantic's errors into these lines.
"""

import difflib
import re
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Tag, ValidationError
from pydantic_core import ErrorDetails

from processor.settings.written import Place, Written


def nearest(wrong: str, right: Iterable[str]) -> str:
    """Return `; did you mean "x"?`, or the choices there are, or nothing."""
    choices = list(right)
    by_lower = {choice.lower(): choice for choice in choices}
    if close := difflib.get_close_matches(wrong.lower(), by_lower, n=1, cutoff=0.6):
        return f'; did you mean "{by_lower[close[0]]}"?'
    return f"; possible: {', '.join(sorted(choices))}" if choices else "; there are none"


def complaints(written: Written, model: type[BaseModel], error: ValidationError) -> list[str]:
    """Return one line per thing that is wrong with a file, in file order."""
    found: dict[str, int] = {}
    details = [(detail, *_resolve(model, detail["loc"])) for detail in error.errors()]
    choices_at = {place for detail, place, _ in details if detail["type"] == "literal_error"}
    for detail, place, around in details:
        value = written.at(place)
        if detail["type"] == "literal_error" and isinstance(value, Mapping):
            continue  # the other branch of "a word or a mapping", and a mapping was written
        if detail["type"] in {"model_type", "dict_type"} and place in choices_at:
            continue
        if detail["type"] == "too_short" and value:
            continue  # only because every item is wrong, and each is named already
        found.setdefault(written.says(place, _sentence(detail, value, around)), len(found))
    return sorted(found, key=lambda line: (_line_number(line), found[line]))


def _line_number(line: str) -> int:
    match = re.search(r":(\d+): ", line)
    return int(match[1]) if match else 0


def _sentence(detail: ErrorDetails, value: object, around: Sequence[type[BaseModel]]) -> str:
    """Return pydantic's error in a person's words."""
    kind, wrong = detail["type"], str(detail["loc"][-1]) if detail["loc"] else ""
    if kind == "extra_forbidden":
        names = [name for model in around for name in model.model_fields]
        return f"unknown key{nearest(wrong, names)}"
    if kind == "missing":
        return "required key is missing"
    if kind == "literal_error":
        allowed = re.findall(r"'([^']*)'", str(detail.get("ctx", {}).get("expected", "")))
        return f"{_shown(value)} is not one of {', '.join(allowed)}{nearest(str(value), allowed)}"
    if kind == "value_error":
        return detail["msg"].removeprefix("Value error, ")
    if kind == "string_pattern_mismatch":
        return f"{_shown(value)} does not match {detail.get('ctx', {}).get('pattern')}"
    said = detail["msg"].replace("Input should be", "should be")
    return f"{_shown(value)}: {said}" if isinstance(value, str | int | float) else said


def _shown(value: object) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004 - one terminal line


def _resolve(
    model: type[BaseModel], loc: Sequence[str | int]
) -> tuple[Place, Sequence[type[BaseModel]]]:
    """Return the written place of a pydantic location, and the models that hold its last step.

    Pydantic puts the tag of a union's branch into the location; a file has no such step.
    """
    place: list[str | int] = []
    here: list[Any] = [model]
    around: list[type[BaseModel]] = []
    for step in loc:
        branches = [branch for one in here for branch in _branches(one)]
        if len(branches) > 1:
            here = [branch for branch in branches if _is_tagged(branch, str(step))] or branches[:1]
            continue
        around = [kind for kind in map(_bare, branches) if _is_model(kind)]
        place.append(step)
        here = [inner for branch in branches for inner in _inside(_bare(branch), step)]
    return tuple(place), around


def _branches(annotation: object) -> list[Any]:
    """Return the members of a union, None left out; anything else is its only member."""
    bare = annotation
    while typing.get_origin(bare) is typing.Annotated and not _tag(bare):
        bare = typing.get_args(bare)[0]
    if typing.get_origin(bare) in {typing.Union, types.UnionType}:
        members = [arg for arg in typing.get_args(bare) if arg is not type(None)]
        return [branch for member in members for branch in _branches(member)]
    return [bare]


def _tag(annotation: object) -> str | None:
    return next(
        (extra.tag for extra in getattr(annotation, "__metadata__", ()) if isinstance(extra, Tag)),
        None,
    )


def _is_tagged(branch: object, step: str) -> bool:
    """Tell whether pydantic's tag means this branch: a given tag, else its class's name in it."""
    given = _tag(branch)
    if given is not None:
        return given == step
    bare = _bare(branch)
    return _is_model(bare) and bare.__name__ in step


def _bare(annotation: Any) -> Any:  # noqa: ANN401 - any annotation there is
    while typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    return annotation


def _is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _inside(kind: Any, step: str | int) -> list[Any]:  # noqa: ANN401 - any annotation there is
    """Return the annotation of a model's field, a mapping's value or a sequence's item."""
    if _is_model(kind):
        field = kind.model_fields.get(step)
        return [field.annotation] if field else []
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is dict:
        return [arguments[1]]
    if origin in {tuple, list}:
        return [arguments[0]]
    return []
