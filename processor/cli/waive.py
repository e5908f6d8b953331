"""`sluice waive`."""

from typing import Annotated

import typer

from processor.cli.client import segment, signed_in
from processor.cli.options import (
    DEFAULT_CONFIG,
    Config,
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
from processor.cli.wishing import wish

Number = Annotated[str, typer.Argument(metavar="VERSION", help="The version's number.")]
Gate = Annotated[
    str, typer.Option("--gate", "-g", help="The gate, as results name it; a wrong one lists them.")
]
Until = Annotated[str, typer.Option("--until", help="7d, 12h, 2026-04-01 or a moment.")]


def waive(  # noqa: PLR0913, PLR0917 - the options of a command
    model: Model,
    version: Number,
    gate: Gate,
    until: Until,
    reason: Reason,
    workspace: Workspace = None,
    config: Config = DEFAULT_CONFIG,
    url: Url = None,
    token_file: TokenFile = None,
    json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Let one gate of one version pass until a moment; its own result stays on record."""
    end = read_until(until).isoformat()
    client = signed_in(url, config, token_file)
    path = f"/v1/models/{segment(model)}/versions/{segment(version)}/waive"
    body = {"gate": gate, "until": end, "reason": reason}
    granted = wish(client, in_workspace(path, workspace), body)
    if json:
        tell_json({**granted, "until": end})
        return
    tell(f"{gate!r} of {model} v{version} is waived until {moment(end)}; it is judged again now")
