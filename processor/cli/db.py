"""The table of contents of `sluice db`: looking after the ledger's file.

Place in the flow: `cli/program` hangs it in; every command is a file, `app/maintenance` does it.
"""

import typer

from processor.cli import (
    db_backup,
    db_check,
    db_refold,
    db_restore,
    db_seal,
    db_upgrade,
    db_vacuum,
    db_verify,
)

ledger = typer.Typer(help="Look after the ledger's file.", no_args_is_help=True)
ledger.command("backup")(db_backup.backup)
ledger.command("restore")(db_restore.restore)
ledger.command("check")(db_check.check)
ledger.command("verify")(db_verify.verify)
ledger.command("seal")(db_seal.seal)
ledger.command("vacuum")(db_vacuum.vacuum)
ledger.command("refold")(db_refold.refold)
ledger.command("upgrade")(db_upgrade.upgrade)
