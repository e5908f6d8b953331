"""The command line: one command per file, over `views/` and `commands/`.

A running process is asked over HTTP; where none runs, reads open the ledger read-only.
Exit codes: 0 as wished, 1 refused or failed, 2 configuration or usage, 3 nothing answers.
"""

from processor.cli.program import main

__all__ = ["main"]
