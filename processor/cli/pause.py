"""`sluice pause`."""

from processor.cli.operating import Asked, Ways, Wish, operate
from processor.cli.options import (
    DEFAULT_CONFIG,
    Config,
    Json,
    OneModel,
    Reason,
    TokenFile,
    Url,
    Workspace,
)
from processor.cli.output import tell, tell_json
from processor.commands.granted import Granted
from processor.values.pause import EVERYTHING
from processor.views.subject import subject_of


def pause(
    reason: Reason,
    model: OneModel = None,
    workspace: Workspace = None,
    config: Config = DEFAULT_CONFIG,
    url: Url = None,
    token_file: TokenFile = None,
    json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Stop every write outside, of all models or of one, until `sluice resume`.

    What is due waits and is lost by nothing. With no process running it is written to the ledger
    itself, without sign-in, and holds from the next start.
    """

    async def offline(asked: Asked) -> Granted:
        key = (await subject_of(asked.known, model, workspace)).key if model else EVERYTHING
        return await asked.switches.pause(asked.who, key, reason, asked.key)

    body = {"reason": reason, "model": model or "", "workspace": workspace or ""}
    ways = Ways(url=url, config=config, token_file=token_file)
    granted = operate(ways, Wish("/v1/pause", body, offline))
    if json:
        tell_json(granted)
        return
    lift = f"sluice resume --model {model}" if model else "sluice resume"
    tell(f"paused every write{f' about {model}' if model else ''}; they go on with: {lift}")
