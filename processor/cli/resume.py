"""`sluice resume`."""

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


def resume(
    reason: Reason = "",
    model: OneModel = None,
    workspace: Workspace = None,
    config: Config = DEFAULT_CONFIG,
    url: Url = None,
    token_file: TokenFile = None,
    json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Let writes outside go on; each pause (of all, of one model) is ended by itself."""

    async def offline(asked: Asked) -> Granted:
        key = (await subject_of(asked.known, model, workspace)).key if model else EVERYTHING
        return await asked.switches.resume(asked.who, key, reason, asked.key)

    body = {"reason": reason, "model": model or "", "workspace": workspace or ""}
    ways = Ways(url=url, config=config, token_file=token_file)
    granted = operate(ways, Wish("/v1/resume", body, offline))
    if json:
        tell_json(granted)
        return
    tell(f"writes{f' about {model}' if model else ''} go on")
