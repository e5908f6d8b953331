"""`sluice release`."""

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
from processor.cli.output import tell, tell_json
from processor.commands.granted import Granted
from processor.views.subject import subject_of


def release(
    model: Model,
    target: HeldTarget,
    reason: Reason = "",
    workspace: Workspace = None,
    config: Config = DEFAULT_CONFIG,
    url: Url = None,
    token_file: TokenFile = None,
    json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Let new versions come to a held target again; what was asked for meanwhile is asked anew."""

    async def offline(asked: Asked) -> Granted:
        key = (await subject_of(asked.known, model, workspace)).key
        return await asked.switches.release(asked.who, key, target, reason, asked.key)

    path = f"/v1/models/{segment(model)}/targets/{segment(target)}/release"
    ways = Ways(url=url, config=config, token_file=token_file)
    granted = operate(ways, Wish(in_workspace(path, workspace), {"reason": reason}, offline))
    if json:
        tell_json(granted)
        return
    tell(f"{target} of {model} is released")
