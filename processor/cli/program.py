"""The table of contents of the command line.

Place in the flow: `sluice` and `python -m processor` call `main`; every command is a file.
"""

import sys
from typing import Annotated

import typer

import processor
from processor.cli import (
    approve,
    config_check,
    config_explain,
    db,
    dead,
    demo,
    doctor,
    emit,
    evaluate,
    history,
    hold,
    pause,
    reject,
    release,
    request,
    resume,
    run,
    sign_in,
    status,
    waive,
    why,
    why_not,
)
from processor.cli.client import Denied, Unreachable
from processor.cli.output import complain
from processor.errors import SluiceError
from processor.settings.load import ConfigError

_EXITS = (
    "Exit codes: 0 as wished; 1 refused or failed; 2 configuration or usage; "
    "3 nothing answers where it should."
)

program = typer.Typer(
    name="sluice",
    help=f"Carry a model version from trained to serving, and prove why. {_EXITS}",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
config = typer.Typer(help="Look at the configuration.", no_args_is_help=True)
dead_rows = typer.Typer(help="Look at rows of work that were given up.", no_args_is_help=True)
emits = typer.Typer(help="Tell Sluice what happened elsewhere.", no_args_is_help=True)


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the flag
    if wanted:
        typer.echo(processor.__version__)
        raise typer.Exit


@program.callback()
def _options(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Carry a model version from trained to serving, and prove why."""


program.command("demo")(demo.demo)
program.command("run")(run.run)
program.command("doctor")(doctor.doctor)
program.command("status")(status.status)
program.command("why")(why.why)
program.command("why-not")(why_not.why_not)
program.command("history")(history.history)
program.command("sign-in")(sign_in.sign_in)
program.command("request")(request.request)
program.command("approve")(approve.approve)
program.command("reject")(reject.reject)
program.command("evaluate")(evaluate.evaluate)
program.command("waive")(waive.waive)
program.command("pause")(pause.pause)
program.command("resume")(resume.resume)
program.command("hold")(hold.hold)
program.command("release")(release.release)
dead_rows.command("list")(dead.dead_list)
dead_rows.command("retry")(dead.retry)
dead_rows.command("drop")(dead.drop)
emits.command("training-completed")(emit.training_completed)
config.command("check")(config_check.check)
config.command("explain")(config_explain.explain)
program.add_typer(db.ledger, name="db")
program.add_typer(dead_rows, name="dead")
program.add_typer(emits, name="emit")
program.add_typer(config, name="config")


def main() -> None:
    """Run the command line; failures are one line each on stderr, and an exit code."""
    try:
        program()
    except ConfigError as wrong:
        complain(*wrong.lines)
        sys.exit(2)
    except Unreachable as nobody:
        complain(str(nobody))
        sys.exit(3)
    except (Denied, SluiceError) as failure:
        complain(str(failure))
        sys.exit(1)
