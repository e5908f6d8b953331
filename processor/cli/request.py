"""`sluice request`."""

from processor.cli.client import Denied, segment, signed_in
from processor.cli.options import (
    DEFAULT_CONFIG,
    Config,
    Json,
    ModelVersion,
    Reason,
    Target,
    TokenFile,
    Url,
    Workspace,
    split,
)
from processor.cli.output import tell, tell_json
from processor.cli.wishing import wish


def request(
    model: ModelVersion,
    target: Target = None,
    reason: Reason = "",
    workspace: Workspace = None,
    config: Config = DEFAULT_CONFIG,
    url: Url = None,
    token_file: TokenFile = None,
    json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Ask for a version (the newest) to serve; undoes a rejection. You cannot approve it then."""
    client = signed_in(url, config, token_file)
    name, number = split(model)
    if number is None:
        path = f"/v1/models/{segment(name)}/versions"
        versions = client.get(path, workspace=workspace)["versions"]
        if not versions:
            raise Denied(f"{name}: it has no version", 404)
        number = str(versions[0]["number"])
    granted = wish(
        client,
        "/v1/promotions",
        {
            "model": name,
            "version": number,
            "target": target or "",
            "reason": reason,
            "workspace": workspace or "",
        },
    )
    if json:
        tell_json(granted)
        return
    tell(f"asked for {name} v{number}; promotion {granted['promotion_id']}")
