"""A place in somebody else's JSON: `$.run.id`, `$.models[0].name`, `$["run id"]`.

Place in the flow: `training.map` is written with it, `events/mapped` reads foreign messages by it.
No wildcards and no filters: a place names one value or nothing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_STEP = re.compile(
    r"""\.(?P<name>[A-Za-z_][A-Za-z0-9_-]*)|\[(?P<index>[0-9]{1,6})\]|\["(?P<quoted>[^"]+)"\]""",
    re.ASCII,
)
NOTHING: Final = object()
"""What stands where nothing is; a null that was sent is None."""


@dataclass(frozen=True)
class JsonPath:
    """The way from the whole document to one value: names of fields and places in lists."""

    text: str
    steps: tuple[str | int, ...]

    @classmethod
    def written(cls, text: str) -> "JsonPath":
        """Return the path; raises ValueError, which says from where on it cannot be read."""
        if not text.startswith("$"):
            raise ValueError(f"{text!r}: a place in the message begins with $, like $.run.id")
        steps: list[str | int] = []
        at = 1
        while at < len(text):
            step = _STEP.match(text, at)
            if step is None:
                raise ValueError(
                    f'{text!r}: {text[at:]!r} is no step; there are .name, [0] and ["a name"]'
                )
            index = step["index"]
            steps.append(int(index) if index is not None else step["name"] or step["quoted"])
            at = step.end()
        if not steps:
            raise ValueError(f"{text!r} is the whole message; name a field in it, like $.run.id")
        return cls(text, tuple(steps))

    def find(self, document: object) -> object:
        """Return the value there, NOTHING where the document has no such place."""
        found = document
        for step in self.steps:
            if isinstance(step, int):
                if not isinstance(found, Sequence) or isinstance(found, str):
                    return NOTHING
                if step >= len(found):
                    return NOTHING
                found = found[step]
            elif isinstance(found, Mapping) and step in found:
                found = found[step]
            else:
                return NOTHING
        return found

    def __str__(self) -> str:
        """Return it as it was written."""
        return self.text
