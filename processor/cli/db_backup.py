"""`sluice db backup`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from processor.cli.options import DEFAULT_CONFIG, Config, Json
from processor.cli.output import tell, tell_json
from processor.settings.load import load

File = Annotated[Path, typer.Argument(metavar="FILE", help="Where to write the copy.")]
Force = Annotated[bool, typer.Option("--force", help="Replace FILE if it is there.")]


def backup(
    file: File,
    force: Force = False,  # noqa: FBT002 - a flag
    config: Config = DEFAULT_CONFIG,
    json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Copy the ledger to FILE, checked and on disk; Sluice may go on running."""
    loaded = load(config)
    from processor.app import maintenance  # noqa: PLC0415 - a wrong configuration is told at once

    copied = maintenance.backup(loaded, file, force=force)
    if json:
        tell_json(asdict(copied))
        return
    tell(
        f"{copied.file}: {copied.events} events up to place {copied.pos}, {copied.size} bytes, "
        "whole and linked"
    )
