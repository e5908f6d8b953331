"""Ask a question: the running process, or the ledger itself where none runs.

Place in the flow: `status`, `why`, `why-not` and `history`; both ways give the same JSON, for
both are made of the same view.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_core import to_jsonable_python

from processor.cli.client import Unreachable, at
from processor.cli.output import complain
from processor.ports.dependencies import State
from processor.settings.load import Loaded, load
from processor.values.look import LookState
from processor.views.knowledge import Knowledge

if TYPE_CHECKING:
    from processor.app import Alone, Reader

Question = Callable[[Knowledge], Awaitable[object]]


@dataclass(frozen=True)
class _Unheard:
    """Dependencies of a process that does not run: nothing has been heard of any."""

    def report(self, name: str, problem: str = "", *, by: str = "") -> None:
        """Keep nothing: a reader does not look at products."""

    def recovered(self) -> Sequence[str]:
        """Return nobody."""
        return ()

    def states(self) -> Mapping[str, State]:
        """Return nothing."""
        return {}


@dataclass(frozen=True)
class _Unlooked:
    """Looks of a process that does not run."""

    def states(self) -> Mapping[str, LookState]:
        """Return nothing."""
        return {}


@dataclass(frozen=True)
class _Wall:
    """The clock of the machine."""

    def now(self) -> datetime:
        """Return the present moment."""
        return datetime.now(UTC)

    def steady(self) -> float:
        """Return the machine's monotonic seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


def ask(
    url: str | None,
    config: Path,
    path: str,
    question: Question,
    **query: str | None,
) -> Any:  # noqa: ANN401 - JSON
    """Return the answer as JSON. Raises Unreachable, Denied, ConfigError, Refused."""
    try:
        return at(url, config).get(path, **query)
    except Unreachable:
        if url is not None:
            raise
        loaded = load(config)
        complain(f"no Sluice answers; this is read from {loaded.settings.ledger.path}")
        return asyncio.run(_offline(loaded, question))


async def _offline(loaded: Loaded, question: Question) -> Any:  # noqa: ANN401 - JSON
    """Answer from the ledger, opened to read only."""
    from processor import app  # noqa: PLC0415 - all of the program: not needed to ask over HTTP

    async with app.open_reader(loaded) as reader:
        return to_jsonable_python(await question(knowledge(loaded, reader)))


def knowledge(loaded: Loaded, reader: "Reader | Alone") -> Knowledge:
    """Return what can be known while no process runs."""
    settings = loaded.settings
    return Knowledge(
        views=reader.views,
        log=reader.log,
        work=reader.work,
        dependencies=_Unheard(),
        looks=_Unlooked(),
        policies=loaded.policies,
        people=loaded.people,
        clock=_Wall(),
        registry=settings.registry.id,
        workspaces=settings.registry.workspaces,
        modes=settings.modes,
    )
