"""`sluice db check`."""

from typing import Annotated

import typer

from processor.cli.options import DEFAULT_CONFIG, Config, Json
from processor.cli.output import complain, tell, tell_json
from processor.settings.load import load

Quick = Annotated[bool, typer.Option("--quick", help="Leave the indexes out.")]


def check(
    quick: Quick = False,  # noqa: FBT002 - a flag
    config: Config = DEFAULT_CONFIG,
    json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Read the whole file for damage; exit 1 when there is any."""
    loaded = load(config)
    from processor.app import maintenance  # noqa: PLC0415 - a wrong configuration is told at once

    problems = maintenance.check(loaded, quick=quick)
    if json:
        tell_json({"problems": problems})
    elif problems:
        complain(
            *problems,
            f"{loaded.settings.ledger.path} is damaged: stop Sluice, then restore a backup with "
            "sluice db restore FILE",
        )
    else:
        tell(f"{loaded.settings.ledger.path} is whole")
    if problems:
        raise typer.Exit(1)
