"""What something waits for: the shape of every answer of `why_not`.

Place in the flow: `why_not` and the files it asks fill these; page, API and CLI print them.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from processor.values.version import Version


@dataclass(frozen=True)
class Waiting:
    """Where one version stands on its way to one target.

    `state` is a word for programs; `waits_for` a sentence; `who` can act (`sluice`: nobody has
    to); `command` is what they type, `link` where they click (a path is one of our own pages).
    """

    target: str
    version: str | None
    state: str
    waits_for: str
    since: datetime | None
    who: tuple[str, ...]
    command: str = ""
    link: str = ""
    details: tuple[str, ...] = ()


def command(wish: str, version: Version, target: str = "", reason: bool = False) -> str:  # noqa: FBT001, FBT002 - reads well at its few calls
    """Return what a person types to have a wish about a version (at a target) granted."""
    words = ["sluice", wish]
    words += (
        [version.model, version.number]
        if wish == "evaluate"
        else [f"{version.model}@{version.number}"]
    )
    if target:
        words += ["--target", target]
    if reason:
        words += ["--reason", "..."]
    return shlex.join(words)


SLUICE = ("sluice",)


def anyone(names: Sequence[str]) -> tuple[str, ...]:
    """Return who can act; an empty list is said aloud."""
    return tuple(names) or ("nobody: widen approval.people in the policy",)
