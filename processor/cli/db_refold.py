"""`sluice db refold`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from processor.cli.options import DEFAULT_CONFIG, Config, Json
from processor.cli.output import columns, tell, tell_json
from processor.settings.load import load

Exports = Annotated[
    list[Path] | None,
    typer.Option("--export", help="An export of sealed events, each one once: fold them, too."),
]


def refold(
    export: Exports = None,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Fold every view anew from the events; say what differed. Sluice must not run."""
    loaded = load(config)
    from processor.app import maintenance  # noqa: PLC0415 - a wrong configuration is told at once

    refolded = maintenance.refold(loaded, export or [])
    if json:
        tell_json(asdict(refolded))
        return
    tell(f"{refolded.events} events folded")
    tell(*columns((view, str(count)) for view, count in refolded.rows.items()))
    for one in refolded.differences:
        found = (("missing", one.missing), ("changed", one.changed), ("too many", one.surplus))
        tell(
            *(
                f"{one.view}: {len(keys)} {what}, {keys[0]} first: put right"
                for what, keys in found
                if keys
            )
        )
        if one.reordered:
            tell(f"{one.view}: in another order: put right")
    if not refolded.differences:
        tell("nothing differed from what was stored")
