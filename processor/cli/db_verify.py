"""`sluice db verify`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from processor.cli.options import DEFAULT_CONFIG, Config, Json
from processor.cli.output import complain, tell, tell_json
from processor.settings.load import load

Exports = Annotated[
    list[Path] | None, typer.Option("--export", help="An export of sealed events, to check, too.")
]


def verify(
    export: Exports = None,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Recompute the hash chain over every event; exit 1 where it does not hold."""
    loaded = load(config)
    from processor.app import maintenance  # noqa: PLC0415 - a wrong configuration is told at once

    chain = maintenance.verify(loaded, export or [])
    if json:
        tell_json(asdict(chain))
    else:
        tell(
            f"{chain.checked} events recomputed, {chain.sealed} sealed; place {chain.pos} has hash "
            f"{chain.hash}"
        )
        complain(*chain.problems)
    if chain.problems:
        raise typer.Exit(1)
