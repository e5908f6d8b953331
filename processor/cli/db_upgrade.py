"""`sluice db upgrade`."""

from dataclasses import asdict

from processor.cli.options import DEFAULT_CONFIG, Config, Json
from processor.cli.output import tell, tell_json
from processor.settings.load import load


def upgrade(config: Config = DEFAULT_CONFIG, json: Json = False) -> None:  # noqa: FBT002 - a flag
    """Bring the ledger's tables up to this program's; `sluice run` does so by itself."""
    loaded = load(config)
    from processor.app import maintenance  # noqa: PLC0415 - a wrong configuration is told at once

    upgraded = maintenance.upgrade(loaded)
    if json:
        tell_json(asdict(upgraded))
    elif upgraded.found == upgraded.revision:
        tell(f"the tables are of revision {upgraded.revision} already")
    elif upgraded.found is None:
        tell(f"a new ledger with tables of revision {upgraded.revision}")
    else:
        tell(f"the tables were of revision {upgraded.found} and are of {upgraded.revision} now")
