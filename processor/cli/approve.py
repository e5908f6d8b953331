"""`sluice approve`."""

from processor.cli.client import segment, signed_in
from processor.cli.options import (
    DEFAULT_CONFIG,
    Config,
    Json,
    ModelVersion,
    Target,
    TokenFile,
    Url,
    split,
)
from processor.cli.output import tell, tell_json
from processor.cli.wishing import open_promotion, wish


def approve(
    model: ModelVersion,
    target: Target = None,
    config: Config = DEFAULT_CONFIG,
    url: Url = None,
    token_file: TokenFile = None,
    json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Say yes to a model's open proposal, at the head it has now."""
    client = signed_in(url, config, token_file)
    name, number = split(model)
    meant = open_promotion(client, name, number, target)
    head = meant["proposal"]["head_sha"]
    path = f"/v1/promotions/{segment(meant['id'])}"
    granted = wish(client, f"{path}/approve", {"head_sha": head})
    page = client.get(path)
    unmet, unshown, diff = page["promotion"]["unmet"], page["unshown"], page["diff"]
    if json:
        found = {"head_sha": head, "unmet": unmet, "unshown": unshown, "diff": diff}
        tell_json({**granted, **found})
        return
    tell(f"approved {meant['model']} v{meant['version']} at {meant['target']}, head {head[:12]}")
    tell(*(f"  still missing: {missing}" for missing in unmet))
    if unshown:
        tell(f"  careful: {unshown}; to see all of it, in the repository: {diff}")
