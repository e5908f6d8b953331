"""`sluice db seal`."""

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from processor.cli.options import DEFAULT_CONFIG, Config, Json
from processor.cli.output import tell, tell_json
from processor.policy.gates import Duration
from processor.settings.load import ConfigError, load

Before = Annotated[str, typer.Option("--before", help="Events older than this, 180d say.")]
Folder = Annotated[Path, typer.Option("--to", metavar="FOLDER", help="Where exports go.")]

_SPAN: TypeAdapter[timedelta] = TypeAdapter(Duration)


def seal(
    before: Before,
    to: Folder,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Export old events to a file and take them out of the ledger; Sluice must not run."""
    loaded = load(config)
    try:
        age = _SPAN.validate_python(before)
    except (ValidationError, OverflowError) as wrong:
        raise ConfigError([f"--before: {before!r} is not like 180d or 12h"]) from wrong
    from processor.app import maintenance  # noqa: PLC0415 - a wrong configuration is told at once

    sealed = maintenance.seal(loaded, to, age)
    if json:
        tell_json(asdict(sealed))
    elif sealed.events:
        tell(
            f"sealed {sealed.events} events, places {sealed.first} to {sealed.last}: {sealed.file}",
            f"kept from there: {sealed.stopped}",
        )
    else:
        tell(f"nothing to seal; {sealed.stopped}")
