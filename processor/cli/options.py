"""Options that several commands share.

Place in the flow: commands annotate their parameters with these.
"""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

import typer

Config = Annotated[
    Path,
    typer.Option("--config", "-c", envvar="SLUICE_CONFIG", help="The configuration file."),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="SLUICE_URL",
        help="Where Sluice runs; else web.public_url or web.listen of the configuration.",
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        envvar="SLUICE_TOKEN_FILE",
        help="Your token, as `sluice sign-in` wrote it; else under $XDG_CONFIG_HOME/sluice/.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Target = Annotated[
    str | None, typer.Option("--target", "-t", help="The target; else the policy's default one.")
]
Workspace = Annotated[
    str | None, typer.Option("--workspace", help="The MLflow workspace, where a name is in two.")
]
Model = Annotated[str, typer.Argument(metavar="MODEL", help="The registered model.")]
OneModel = Annotated[
    str | None, typer.Option("--model", help="Only this registered model; else all of them.")
]
HeldTarget = Annotated[
    str, typer.Option("--target", "-t", help="The target, as the policy has it.")
]
ModelVersion = Annotated[
    str, typer.Argument(metavar="MODEL[@VERSION]", help="The model, and which version of it.")
]
Reason = Annotated[str, typer.Option("--reason", "-m", help="Why; others will read it.")]

DEFAULT_CONFIG = Path("sluice.yaml")


def split(name: str) -> tuple[str, str | None]:
    """Return (model, version): the part behind the last @ when it is a number."""
    model, at, number = name.rpartition("@")
    return (model, number) if at and model and number.isdecimal() else (name, None)


def in_workspace(path: str, workspace: str | None) -> str:
    """Return a path of the API with the workspace in its query, where one was named."""
    return f"{path}?{urlencode({'workspace': workspace})}" if workspace else path
