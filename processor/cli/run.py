"""`sluice run`."""

from typing import Annotated

import typer

from processor import log
from processor.cli.options import DEFAULT_CONFIG, Config
from processor.settings.load import listening_on, load

Listen = Annotated[
    str | None, typer.Option("--listen", help="host:port of pages and API, over web.listen.")
]


def run(config: Config = DEFAULT_CONFIG, listen: Listen = None) -> None:
    """Run Sluice until SIGTERM or Ctrl-C; work under way ends first."""
    loaded = load(config)
    if listen is not None:
        loaded = listening_on(loaded, listen)
    from processor import app  # noqa: PLC0415 - a wrong configuration is told at once

    log.set_up()
    raise typer.Exit(app.run(loaded))
