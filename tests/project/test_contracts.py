"""The import contracts bite: each forbidden import, planted alone in a copy, fails by name."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.real

ONE_WAY = "Imports point one way, and every module has a place"
ROOT_ONLY = "Only the composition root sees concrete parts"
DOOR = "Only the effects door (and what implements it) can change the world"
SETTINGS = "Settings stop at the composition root"
HANDLERS = "Handlers are reached through the routes, never by each other"
ADAPTERS = "Adapters do not know each other (all may use the HTTP session)"
RULES = "Rules decide; they do no I/O, keep no time, roll no dice"
LIBRARIES = "Each client library is used in one place"
CYCLES = "No package is in a cycle"

PLANTS = [
    pytest.param({"handlers/planted.py": "import processor.adapters.ledgers"}, ROOT_ONLY),
    pytest.param({"cli/planted.py": "import processor.adapters.ledgers"}, ROOT_ONLY),
    pytest.param({"web/planted.py": "import processor.adapters.ledgers"}, ROOT_ONLY),
    pytest.param({"utils.py": "import json"}, ONE_WAY),
    pytest.param({"values/planted.py": "import processor.events.event"}, ONE_WAY),
    pytest.param({"rules/planted.py": "import processor.handlers"}, ONE_WAY),
    pytest.param({"sources/planted.py": "import processor.engine"}, ONE_WAY),
    pytest.param({"handlers/planted.py": "import processor.ports.writing.forge"}, DOOR),
    pytest.param({"commands/planted.py": "import processor.ports.writing.registry"}, DOOR),
    pytest.param({"sources/planted.py": "import processor.ports.writing.forge"}, DOOR),
    pytest.param({"handlers/planted.py": "import processor.settings.tree"}, SETTINGS),
    pytest.param(
        {"handlers/first.py": "import processor.handlers.second", "handlers/second.py": ""},
        HANDLERS,
    ),
    pytest.param({"adapters/forges/planted.py": "import processor.adapters.ledgers"}, ADAPTERS),
    pytest.param({"rules/planted.py": "import time"}, RULES),
    pytest.param({"rules/planted.py": "import random"}, RULES),
    pytest.param({"rules/planted.py": "from structlog import get_logger"}, RULES),
    pytest.param({"adapters/registries/planted.py": "import mlflow"}, LIBRARIES),
    pytest.param({"handlers/planted.py": "import aiohttp"}, LIBRARIES),
    pytest.param({"engine/planted.py": "import sqlalchemy"}, LIBRARIES),
    pytest.param(
        {
            "rules/first.py": "import processor.rules.second",
            "rules/second.py": "import processor.rules.first",
        },
        CYCLES,
    ),
]


def broken(copy: Path) -> set[str]:
    """Return the names of the contracts a copy breaks."""
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    ran = subprocess.run(
        command,
        cwd=copy,
        env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    found = set(re.findall(r"^(.+) BROKEN\b", ran.stdout, re.MULTILINE))
    assert (ran.returncode == 0) == (not found), ran.stdout + ran.stderr
    return found


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the package with its contracts."""
    shutil.copytree(
        ROOT / "processor", tmp_path / "processor", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_package_as_it_is_keeps_every_contract(copy: Path) -> None:
    assert broken(copy) == set()


@pytest.mark.parametrize(("plant", "contract"), PLANTS)
def test_a_forbidden_import_breaks_the_contract_that_forbids_it(
    copy: Path, plant: dict[str, str], contract: str
) -> None:
    for name, text in plant.items():
        (copy / "processor" / name).write_text(f'"""Planted."""\n\n{text}\n')
    assert contract in broken(copy)
