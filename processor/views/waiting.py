"""What something waits for: the shape of every answer of `why_not`.

Place in the flow: `why_not` and the files it asks fill these; page, API and CLI print them.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from processor.values.version import Version
from processor.views.states import WaitState


@dataclass(frozen=True)
class Waiting:
    """Where one version stands on its way to one target.

    `state` is a word for programs; `waits_for` a sentence; `who` can act (`sluice`: nobody has
    to); `command` is what they type, `link` where they click (a path is one of our own pages).
    """

    target: str
    version: str | None
    state: WaitState
    waits_for: str
    since: datetime | None
    who: tuple[str, ...]
    command: str = ""
    link: str = ""
    details: tuple[str, ...] = ()


SLUICE = ("sluice",)
WRITERS = ("whoever writes the policies",)
OPERATORS = ("whoever runs Sluice",)


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


def explain(model: str) -> str:
    """Return what a person types to see which policy rules a model, and why."""
    return shlex.join(["sluice", "config", "explain", model])


def anyone(names: Sequence[str]) -> tuple[str, ...]:
    """Return who can act; an empty list is said aloud."""
    return tuple(names) or ("nobody: widen approval.people in the policy",)
