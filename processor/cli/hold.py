"""`sluice hold`."""

from typing import Annotated

import typer

from processor.cli.client import segment
from processor.cli.operating import Asked, Ways, Wish, operate
from processor.cli.options import (
    DEFAULT_CONFIG,
    Config,
    HeldTarget,
    Json,
    Model,
    Reason,
    TokenFile,
    Url,
    Workspace,
    in_workspace,
)
from processor.cli.output import moment, tell, tell_json
from processor.cli.until import until as read_until
from processor.commands.granted import Granted
from processor.views.subject import subject_of

Until = Annotated[
    str | None,
    typer.Option("--until", help="7d, 12h, 2026-04-01 or a moment; else until it is released."),
]


def hold(  # noqa: PLR0913, PLR0917 - the options of a command
    model: Model,
    target: HeldTarget,
    reason: Reason,
    until: Until = None,
    workspace: Workspace = None,
    config: Config = DEFAULT_CONFIG,
    url: Url = None,
    token_file: TokenFile = None,
    json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Let a model's target keep what it has; only a way back is proposed there."""
    end = read_until(until) if until else None

    async def offline(asked: Asked) -> Granted:
        key = (await subject_of(asked.known, model, workspace)).key
        return await asked.switches.hold(asked.who, key, target, reason, asked.key, until=end)

    path = f"/v1/models/{segment(model)}/targets/{segment(target)}/hold"
    body = {"reason": reason, "until": end.isoformat() if end else ""}
    ways = Ways(url=url, config=config, token_file=token_file)
    granted = operate(ways, Wish(in_workspace(path, workspace), body, offline))
    if json:
        tell_json({**granted, "until": body["until"] or None})
        return
    tell(
        f"{target} of {model} is held"
        + (f" until {moment(body['until'])}" if end else f"; sluice release {model} lifts it")
    )
