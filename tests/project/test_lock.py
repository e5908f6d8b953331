"""The locks pin every package by hash, name no index, and cover what pyproject asks for."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OLD = "tests/parts/mlflow-2.11.3.lock"
LOCKS = ["requirements.lock", "requirements-bootstrap.lock", OLD]


def entries(lock: str) -> dict[str, list[str]]:
    """Return each pinned requirement with its hashes."""
    found: dict[str, list[str]] = {}
    joined = (ROOT / lock).read_text().replace("\\\n", " ")
    for line in joined.splitlines():
        if line.strip() and not line.startswith("#"):
            requirement, *hashes = re.split(r"\s+--hash=", line.strip())
            found[requirement] = hashes
    return found


def name_of(requirement: str) -> str:
    """Return a requirement's normalised project name."""
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match, requirement
    return re.sub(r"[-_.]+", "-", match[0]).lower()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_by_hash_from_nowhere_in_particular(lock: str) -> None:
    assert entries(lock)
    for requirement, hashes in entries(lock).items():
        assert re.match(r"[a-z0-9._-]+==[^ ;]+( ; .+)?$", requirement), requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one.strip()) for one in hashes)
    assert "://" not in (ROOT / lock).read_text()


def test_the_lock_covers_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = {
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["demo"],
        *project["dependency-groups"]["dev"],
    }
    locked = {name_of(requirement) for requirement in entries("requirements.lock")}
    assert {name_of(requirement) for requirement in asked} - locked == set()
    [bootstrap] = project["dependency-groups"]["bootstrap"]
    assert name_of(bootstrap) in {name_of(one) for one in entries("requirements-bootstrap.lock")}
