"""`sluice db restore`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from processor.cli.options import DEFAULT_CONFIG, Config, Json
from processor.cli.output import tell, tell_json
from processor.settings.load import load

File = Annotated[Path, typer.Argument(metavar="FILE", help="The backup to put in place.")]


def restore(
    file: File,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Put a backup in the ledger's place; Sluice must not run. What was there is kept aside."""
    loaded = load(config)
    from processor.app import maintenance  # noqa: PLC0415 - a wrong configuration is told at once

    restored = maintenance.restore(loaded, file)
    if json:
        tell_json(asdict(restored))
        return
    tell(
        f"restored: {restored.backup.events} events up to place {restored.backup.pos}; this is "
        f"incarnation {restored.incarnation}",
        f"{restored.doubtful} writes were under way: each is looked for before it is repeated",
        f"the ledger that was here is kept as {restored.kept}"
        if restored.kept
        else "there was no ledger here",
        "what people and pipelines said since the backup has to be said again; "
        "`sluice run` goes on from here",
    )
