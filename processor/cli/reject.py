"""`sluice reject`."""

from processor.cli.client import segment, signed_in
from processor.cli.options import (
    DEFAULT_CONFIG,
    Config,
    Json,
    ModelVersion,
    Reason,
    Target,
    TokenFile,
    Url,
    split,
)
from processor.cli.output import tell, tell_json
from processor.cli.wishing import open_promotion, wish


def reject(
    model: ModelVersion,
    reason: Reason,
    target: Target = None,
    config: Config = DEFAULT_CONFIG,
    url: Url = None,
    token_file: TokenFile = None,
    json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Say no to a model's open proposal: it is closed, and not proposed again by itself."""
    client = signed_in(url, config, token_file)
    name, number = split(model)
    meant = open_promotion(client, name, number, target)
    path = f"/v1/promotions/{segment(meant['id'])}/reject"
    granted = wish(client, path, {"reason": reason})
    if json:
        tell_json(granted)
        return
    tell(f"rejected {meant['model']} v{meant['version']} at {meant['target']}: {reason}")
