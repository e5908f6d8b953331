"""`sluice evaluate`."""

from typing import Annotated

import typer

from processor.cli.client import segment, signed_in
from processor.cli.options import DEFAULT_CONFIG, Config, Json, Model, Reason, TokenFile, Url
from processor.cli.output import tell, tell_json
from processor.cli.wishing import wish

Number = Annotated[str, typer.Argument(metavar="VERSION", help="The version's number.")]


def evaluate(
    model: Model,
    version: Number,
    reason: Reason = "",
    config: Config = DEFAULT_CONFIG,
    url: Url = None,
    token_file: TokenFile = None,
    json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Ask for a version to be judged by today's gates."""
    client = signed_in(url, config, token_file)
    path = f"/v1/models/{segment(model)}/versions/{segment(version)}/evaluate"
    granted = wish(client, path, {"reason": reason})
    if json:
        tell_json(granted)
        return
    tell(f"asked for a verdict on {model} v{version}; sluice why-not {model}@{version} tells it")
