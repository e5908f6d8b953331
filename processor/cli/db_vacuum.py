"""`sluice db vacuum`."""

from dataclasses import asdict

from processor.cli.options import DEFAULT_CONFIG, Config, Json
from processor.cli.output import tell, tell_json
from processor.settings.load import load


def vacuum(config: Config = DEFAULT_CONFIG, json: Json = False) -> None:  # noqa: FBT002 - a flag
    """Write the file anew without the room it no longer needs; Sluice must not run."""
    loaded = load(config)
    from processor.app import maintenance  # noqa: PLC0415 - a wrong configuration is told at once

    vacuumed = maintenance.vacuum(loaded)
    if json:
        tell_json(asdict(vacuumed))
        return
    tell(f"{vacuumed.before} bytes before, {vacuumed.after} after")
