"""`sluice why-not`."""

from processor.cli.asking import ask
from processor.cli.client import segment
from processor.cli.options import (
    DEFAULT_CONFIG,
    Config,
    Json,
    ModelVersion,
    Target,
    Url,
    Workspace,
    split,
)
from processor.cli.output import columns, moment, tell, tell_json
from processor.views.why_not import why_not as question


def why_not(
    model: ModelVersion,
    target: Target = None,
    workspace: Workspace = None,
    config: Config = DEFAULT_CONFIG,
    url: Url = None,
    json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Say per target what a version (the newest) waits for, since when, and who can act how."""
    name, number = split(model)
    found = ask(
        url,
        config,
        f"/v1/models/{segment(name)}/why-not",
        lambda known: question(known, name, number, target=target, workspace=workspace),
        version=number,
        target=target,
        workspace=workspace,
    )
    if json:
        tell_json(found)
        return
    for one in found["targets"]:
        version = f" v{one['version']}" if one["version"] else ""
        where = f" at {one['target']}" if one["target"] else ""
        tell(f"{found['model']}{version}{where}: {one['state'].replace('_', ' ')}")
        rows = [
            ("waits for", one["waits_for"]),
            *(("", detail) for detail in one["details"]),
            ("since", moment(one["since"])),
            ("who", ", ".join(one["who"])),
            ("type", one["command"]),
            ("look", one["link"]),
        ]
        tell(*columns(row for row in rows if row[1]))
