"""What did people switch off: which writes are paused, which targets are held?

Place in the flow: status, every page's header, `why-not` and metrics ask it; each answer carries
the command that lifts it.
"""

import shlex
from dataclasses import dataclass
from datetime import datetime

from processor.values.hold import Hold
from processor.values.pause import EVERYTHING, Pause
from processor.values.version import parts_of
from processor.views.knowledge import Knowledge


@dataclass(frozen=True)
class Paused:
    """Writes that stand still: one model's, or (`model` empty) all."""

    workspace: str
    model: str
    by: str
    reason: str
    since: datetime
    command: str

    @property
    def sentence(self) -> str:
        """Return it in words."""
        what = f"writes about {self.model}" if self.model else "all writes"
        return f"{what} are paused by {self.by}: {self.reason}"


@dataclass(frozen=True)
class Held:
    """A target that keeps what it has; `until` None: until somebody releases it."""

    workspace: str
    model: str
    target: str
    by: str
    reason: str
    since: datetime
    until: datetime | None
    command: str

    @property
    def sentence(self) -> str:
        """Return it in words."""
        end = f" until {self.until:%Y-%m-%d %H:%M:%S} UTC" if self.until else ""
        return f"{self.target} of {self.model} is held by {self.by}{end}: {self.reason}"


@dataclass(frozen=True)
class Switched:
    """Everything that is off now, the oldest first."""

    pauses: tuple[Paused, ...]
    holds: tuple[Held, ...]


async def switched(known: Knowledge, model_key: str | None = None) -> Switched:
    """Return what is off: everywhere, or what concerns one model (a pause of all included)."""
    pauses = [
        one
        for one in await known.views.find(Pause, state="open")
        if model_key is None or one.key in {EVERYTHING, model_key}
    ]
    holds = await known.views.find(Hold, model=model_key, state="open")
    return Switched(
        tuple(_paused(known, one) for one in sorted(pauses, key=lambda one: one.since)),
        tuple(_held(known, one) for one in sorted(holds, key=lambda one: one.since)),
    )


def _paused(known: Knowledge, pause: Pause) -> Paused:
    workspace, model = parts_of(pause.key)[1:] if pause.key else ("", "")
    words = ["sluice", "resume"]
    if model:
        words += ["--model", model, *_where(known, workspace)]
    return Paused(workspace, model, str(pause.by), pause.reason, pause.since, shlex.join(words))


def _held(known: Knowledge, hold: Hold) -> Held:
    _, workspace, model = parts_of(hold.model_key)
    words = ["sluice", "release", model, "--target", hold.target, *_where(known, workspace)]
    return Held(
        workspace,
        model,
        hold.target,
        str(hold.by),
        hold.reason,
        hold.since,
        hold.until,
        shlex.join(words),
    )


def _where(known: Knowledge, workspace: str) -> tuple[str, ...]:
    """Return the option that names a workspace, where there are several."""
    return ("--workspace", workspace) if len(known.workspaces) > 1 else ()


async def held(known: Knowledge, model_key: str, target: str) -> Held | None:
    """Return the hold of one target, None while nobody holds it."""
    found = await switched(known, model_key)
    return next((one for one in found.holds if one.target == target), None)
