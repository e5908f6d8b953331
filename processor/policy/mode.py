"""How much may be written outside, model by model.

Place in the flow: `settings` makes it from `mode:`; the effects door forbids by it, readers
explain by it, and `sources/modes` tells when it has changed.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import combinations
from typing import Literal

from processor.policy.policy import specificity
from processor.values.version import parts_of

Mode = Literal["observe", "propose", "full"]
"""observe: nothing; propose: our own pull requests too; full: also merges and marks."""

_MODEL = 2  # where a key has its model's name
_RANK: Mapping[Mode, int] = {"observe": 0, "propose": 1, "full": 2}


def allows(mode: Mode, needed: Mode) -> bool:
    """Tell whether a write that needs one mode may be made in another."""
    return _RANK[mode] >= _RANK[needed]


@dataclass(frozen=True)
class Modes:
    """Patterns of model names with their modes, the most specific first; no other: observe."""

    rules: tuple[tuple[str, Mode], ...]

    @classmethod
    def written(cls, mode: Mode | Mapping[str, Mode]) -> "Modes":
        """Return what `mode:` means: one word for every model, or patterns with theirs.

        Raises ValueError naming two patterns that can both name a model when neither is the more
        specific, and for a mapping or a pattern that is empty.
        """
        if isinstance(mode, str):
            return cls((("*", mode),))
        if not mode or not all(mode):
            raise ValueError(
                'give one word for all models, or patterns: {"*": observe, "fraud-*": full}'
            )
        ordered = sorted(mode, key=specificity, reverse=True)
        for first, second in combinations(ordered, 2):
            shared = named_by_both(first, second) if _equal(first, second) else None
            if shared is not None and mode[first] != mode[second]:
                raise ValueError(
                    f'both "{first}" and "{second}" name a model like "{shared}", and neither is '
                    "the more specific: make one of them longer"
                )
        return cls(tuple((pattern, mode[pattern]) for pattern in ordered))

    def of(self, model_key: str) -> Mode:
        """Return a model's mode; what is about no model gets what rules all the others."""
        pattern = self.pattern_of(model_key)
        for one, mode in self.rules:
            if one == pattern:
                return mode
        return "observe"

    def pattern_of(self, model_key: str) -> str | None:
        """Return the pattern that gives a model its mode, None when none names it."""
        parts = parts_of(model_key)
        name = parts[_MODEL] if len(parts) > _MODEL else None
        for pattern, _ in self.rules:
            if pattern == "*" or (name is not None and fnmatchcase(name, pattern)):
                return pattern
        return None

    def __str__(self) -> str:
        """Return it in words: `full`, or `full for fraud-*, observe for the rest`."""
        rest = next((mode for pattern, mode in self.rules if pattern == "*"), "observe")
        said = [f"{mode} for {pattern}" for pattern, mode in self.rules if pattern != "*"]
        return ", ".join([*said, f"{rest} for the rest"]) if said else rest


def named_by_both(first: str, second: str) -> str | None:
    """Return a short name that two patterns both match, None when there is none."""
    one, two = _steps(first), _steps(second)
    seen = {(0, 0)}
    reached = deque([(0, 0, "")])
    while reached:
        i, j, name = reached.popleft()
        if (i, j) == (len(one), len(two)):
            return name
        at_one, at_two = one[i : i + 1], two[j : j + 1]
        following: list[tuple[int, int, str]] = []
        if at_one == ["*"]:
            following.append((i + 1, j, name))
        if at_two == ["*"]:
            following.append((i, j + 1, name))
        if at_one and at_two and (letter := _letter(at_one[0], at_two[0])):
            forward = (i + (at_one != ["*"]), j + (at_two != ["*"]))
            following.append((*forward, name + letter))
        for place in following:
            if place[:2] not in seen:
                seen.add(place[:2])
                reached.append(place)
    return None


def _equal(first: str, second: str) -> bool:
    """Tell whether neither pattern is the more specific."""
    return specificity(first) == specificity(second)


def _steps(pattern: str) -> list[str]:
    """Split a pattern into letters, `?`, `*` and `[...]`, as fnmatch reads it."""
    steps: list[str] = []
    at = 0
    while at < len(pattern):
        # a closing bracket right behind the opening one (or behind `!`) is a letter of the set
        inner = at + 2 + (pattern[at + 1 : at + 2] == "!")
        end = pattern.find("]", inner) if pattern[at] == "[" else -1
        steps.append(pattern[at : end + 1] if end > 0 else pattern[at])
        at += len(steps[-1])
    return steps


def _letter(one: str, two: str) -> str | None:
    """Return a letter that a step of each pattern takes."""
    tried = [letter for letter in (*one, *two, "x") if letter not in "*?[]!"] + ["!", "[", "]"]
    return next((x for x in tried if fnmatchcase(x, one) and fnmatchcase(x, two)), None)
