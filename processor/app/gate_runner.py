"""The runner of gate programs, made from settings.

Place in the flow: `outside` opens it. What a program may see is decided here: the system's
programs, our Python and what an operator adds; never a secret, the ledger or a sign-in file.
"""

import os
import sys
from pathlib import Path

from processor.adapters.evaluators.child import View
from processor.adapters.evaluators.folders import Folders
from processor.adapters.evaluators.limits import Limits
from processor.adapters.evaluators.local import LocalEvaluator
from processor.settings.load import Loaded
from processor.settings.secrets import secret_files
from processor.settings.tree import LocalEvaluatorSettings

SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/nix/store",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/ssl/certs",
)


def gate_runner(loaded: Loaded) -> LocalEvaluator:
    """Return the runner, not opened yet."""
    settings = loaded.settings.evaluator.local
    ledger = loaded.settings.ledger.path
    top = settings.path or ledger.with_name(f"{ledger.name}.gates")
    return LocalEvaluator(
        folders=Folders(top),
        bounds=Limits(
            cpu=settings.cpu.total_seconds(),
            memory=settings.memory,
            output=settings.output,
            scratch=settings.scratch,
            processes=settings.processes,
            descriptors=settings.descriptors,
            without=frozenset(settings.without),
        ),
        view=View(
            readable=(*SYSTEM, sys.prefix, sys.base_prefix, *map(str, settings.readable)),
            hidden=tuple(str(path) for path in _hidden(loaded, top)),
            environment=_environment(settings),
        ),
        parallel=settings.parallel,
    )


def _hidden(loaded: Loaded, top: Path) -> list[Path]:
    """Return what no program may read, wherever it lies; what is kept beside a file goes along."""
    ledger = loaded.settings.ledger.path
    sessions = ledger.with_suffix(".sessions.json")
    return [ledger, sessions, top, *secret_files(loaded.settings)]


def _environment(settings: LocalEvaluatorSettings) -> dict[str, str]:
    """Return all the environment a program gets: `python` is the one we run on."""
    ours = str(Path(sys.executable).parent)
    handed = {name: os.environ[name] for name in settings.environment if name in os.environ}
    return {"LANG": "C.UTF-8", **handed, "PATH": f"{ours}:/usr/local/bin:/usr/bin:/bin"}
