"""What a plain installation needs, and what the running processor never loads."""

import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
HEAVY = {"mlflow", "sklearn", "numpy", "pandas", "scipy", "cloudevents", "pytest"}


def python(code: str, *arguments: str) -> str:
    """Run code in a fresh interpreter and return what it printed."""
    ran = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def core() -> set[str]:
    """Return the projects a plain installation brings, each followed to what it asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    waiting = [Requirement(one) for one in project["dependencies"]]
    found: set[str] = set()
    while waiting:
        wanted = waiting.pop()
        name = re.sub(r"[-_.]+", "-", wanted.name).lower()
        marked = f"{name}[{','.join(sorted(wanted.extras))}]"
        if marked in found:
            continue
        found |= {name, marked}
        for text in importlib.metadata.requires(wanted.name) or []:
            needed = Requirement(text)
            extras = ({"extra": extra} for extra in ("", *wanted.extras))
            if needed.marker is None or any(needed.marker.evaluate(one) for one in extras):
                waiting.append(needed)
    return found


@pytest.mark.real
def test_the_running_processor_never_loads_mlflow() -> None:
    code = "import sys, json, processor.app, processor.cli; print(json.dumps(list(sys.modules)))"
    loaded = {name.partition(".")[0] for name in json.loads(python(code))}
    assert "processor" in loaded
    assert "aiohttp" in loaded
    assert loaded & HEAVY == set()
    assert "mlflow" in json.loads(
        python("import sys, json, mlflow; print(json.dumps(list(sys.modules)))")
    ), "the control: this is how it would show"


@pytest.mark.real
def test_everything_but_the_extras_own_imports_without_them() -> None:
    wanted = core()
    absent = [
        module
        for module, projects in importlib.metadata.packages_distributions().items()
        if not {re.sub(r"[-_.]+", "-", one).lower() for one in projects}
        & {*wanted, "sluice-registry"}
    ]
    assert {"mlflow", "sklearn", "pytest"} <= set(absent)
    code = """
import importlib, json, pathlib, sys
absent = set(json.loads(sys.argv[1]))
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
count = 0
for path in sorted(pathlib.Path("processor").rglob("*.py")):
    if {"demo", "aws.py", "revisions", "__main__.py"} & set(path.parts):  # two are extras
        continue
    name = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    importlib.import_module(name)
    count += 1
print(count)
"""
    assert int(python(code, json.dumps(absent))) > 50


def test_the_version_is_in_the_changelog() -> None:
    version = re.search(r'__version__ = "(.+)"', (ROOT / "processor/__init__.py").read_text())
    assert version
    assert f"## {version[1]}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_licence_is_whole_and_named() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert (ROOT / "NOTICE").read_text().startswith("Sluice\n")
