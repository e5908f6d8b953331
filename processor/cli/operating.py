"""Wishes of the operator: to the running process, or to the ledger itself where none runs.

Place in the flow: `pause`, `resume`, `hold`, `release` and `dead` go through here. Whether a
process runs is told by the ledger's lock, not by who answers: one that hangs may still write.
"""

import asyncio
import os
import pwd
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_core import to_jsonable_python

from processor.cli.asking import knowledge
from processor.cli.client import Client, Unreachable, at, read_token, token_path
from processor.cli.output import complain
from processor.cli.wishing import fresh_key, wish
from processor.commands.granted import Granted
from processor.commands.switches import Switches
from processor.errors import SluiceError
from processor.settings.load import Loaded, load
from processor.values.principal import Principal, claimed
from processor.views.knowledge import Knowledge

if TYPE_CHECKING:
    from processor.app import InUse


@dataclass(frozen=True, kw_only=True)
class Ways:
    """How the running process is reached, as the options of a command say."""

    url: str | None
    config: Path
    token_file: Path | None


@dataclass(frozen=True)
class Asked:
    """Who asks, of what, where no process runs: all an offline wish may use."""

    known: Knowledge
    switches: Switches
    who: Principal
    key: str


@dataclass(frozen=True)
class Wish:
    """One wish in both its forms: sent to a process, or `offline` to the ledger."""

    path: str
    body: Mapping[str, str]
    offline: Callable[[Asked], Awaitable[Granted]]


def operate(ways: Ways, one: Wish) -> Any:  # noqa: ANN401 - JSON
    """Have one wish granted; return what was granted.

    Raises ConfigError (not signed in), Denied and Refused (refused), Unreachable.
    """
    (granted,) = operate_all(ways, [one])
    if isinstance(granted, SluiceError):
        raise granted
    return granted


def operate_all(ways: Ways, wishes: Sequence[Wish]) -> list[Any]:
    """Have each wish granted or refused; a refusal (SluiceError) stands in its place."""
    running: InUse | None = None
    if ways.url is None:
        loaded = load(ways.config)
        if loaded.settings.ledger.path.exists():
            from processor import app  # noqa: PLC0415 - all of the program: not needed over HTTP

            try:
                return asyncio.run(_offline(loaded, wishes))
            except app.InUse as busy:
                running = busy
        client = _signed_in(ways, loaded)
    else:
        client = _signed_in(ways, None)
    try:
        return [_sent(client, one) for one in wishes]
    except Unreachable as nobody:
        if running is None:
            raise
        raise Unreachable(
            f"{nobody}\n{running}; ending that process ends every write, and needs no sign-in"
        ) from nobody


def _sent(client: Client, one: Wish) -> Any:  # noqa: ANN401 - JSON
    """Send one wish; what is refused is told, not raised, as others may follow."""
    try:
        return wish(client, one.path, one.body)
    except Unreachable:
        raise
    except SluiceError as refusal:
        return refusal


def _signed_in(ways: Ways, loaded: Loaded | None) -> Client:
    """Return the client that speaks for the person. Raises ConfigError that says how to sign in."""
    client = at(ways.url, ways.config)
    path = ways.token_file or token_path(client.url)
    links = loaded.settings.web.sign_in_file if loaded else None
    fix = (
        f"Sluice runs at {client.url} and must know who you are: sluice sign-in LINK, with your "
        f"link from {links or 'web.sign_in_file, or the terminal it runs in'}"
    )
    return Client(client.url, read_token(path, fix))


async def _offline(loaded: Loaded, wishes: Sequence[Wish]) -> list[Any]:
    """Write to the ledger, as whoever the system says we are. Raises InUse when a process runs."""
    from processor import app  # noqa: PLC0415 - as above

    who = claimed(_system_name())
    answers: list[Any] = []
    async with app.open_alone(loaded) as alone:
        complain(f"no Sluice runs: written to {loaded.settings.ledger.path} as {who}")
        known = knowledge(loaded, alone)
        for one in wishes:
            try:
                granted = await one.offline(Asked(known, alone.wishes, who, fresh_key()))
            except SluiceError as refusal:
                answers.append(refusal)
            else:
                answers.append(to_jsonable_python(granted))
    return answers


def _system_name() -> str:
    """Return the system's name for who runs this, whatever the environment says."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid {number}"
