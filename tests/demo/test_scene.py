import asyncio
import os
import socket
import stat
import subprocess
from pathlib import Path

import pytest

import processor.demo
from processor.adapters.forges.local import LocalForge
from processor.demo import manifests
from processor.demo.scene import (
    CannotStart,
    check_installed,
    choose_ports,
    environment,
    make_folder,
    set_scene,
)
from processor.settings.load import load

PORTS = {"mlflow": 5001, "sluice": 8081, "cluster": 8091}


def contents(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_deploy_shows_exactly_what_the_demo_runs() -> None:
    shown = contents(Path(__file__).parents[2] / "deploy" / "examples")
    assert shown == contents(Path(processor.demo.__file__).parent / "example")
    assert len(shown) == 4


def test_the_example_is_a_valid_configuration_as_it_stands() -> None:
    loaded = load(Path(__file__).parents[2] / "deploy" / "examples" / "sluice.yaml")
    assert loaded.settings.mode == "full"


def test_a_scene_can_be_played_in_any_folder(tmp_path: Path) -> None:
    folder = tmp_path / "a b#ü"
    folder.mkdir()
    scene = set_scene(folder, 4, PORTS)
    loaded = load(scene.config)
    assert str(loaded.settings.registry.url) == "http://127.0.0.1:5001/"
    assert loaded.settings.web.listen == "127.0.0.1:8081"
    assert loaded.settings.ledger.path == folder / "sluice.db"
    assert loaded.settings.forges["here"].local.path / "gitops.git" == scene.repository
    assert loaded.settings.registry.artifact_roots == {
        "mlflow-artifacts:/": f"{scene.artifacts.as_uri()}/"
    }
    assert loaded.policies.ruling("default", scene.model) is not None
    assert stat.S_IMODE((folder / "events.token").stat().st_mode) == 0o600
    assert loaded.settings.web.events_token_file == folder / "events.token"


def test_the_repository_is_bare_and_holds_the_model(tmp_path: Path) -> None:
    scene = set_scene(tmp_path, 4, PORTS)
    head = manifests.head(scene.repository, "main")
    assert head is not None
    assert manifests.read(scene.repository, head).workloads == {scene.workload: None}
    listed = subprocess.run(
        ["git", "--git-dir", str(scene.repository), "ls-tree", "-r", "--name-only", head],
        capture_output=True,
        text=True,
        check=True,
    )
    assert listed.stdout.split() == ["README.md", f"apps/production/{scene.model}.yaml"]
    assert not (tmp_path / "first-commit").exists()
    forge = LocalForge("here", scene.repository.parent)
    assert "gitops" in asyncio.run(forge.check()), "nobody can push what Sluice keeps there"


def test_a_taken_port_is_one_line() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CannotStart, match=rf"^port {port} cannot be used .*$"):
            choose_ports(port)
    assert choose_ports(port)["sluice"] == port
    assert len(set(choose_ports(None).values())) == 3


def test_no_git_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(CannotStart, match=r"^git is missing; .*$"):
        check_installed()


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(CannotStart, match="is not empty"):
        make_folder(tmp_path)
    with pytest.raises(CannotStart, match="cannot be used"):
        make_folder(tmp_path / "mine")
    assert make_folder(tmp_path / "new" / "one") == tmp_path / "new" / "one"


def test_parts_inherit_nothing_meant_for_another_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example.com")
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    monkeypatch.setenv("SLUICE_CONFIG", "/elsewhere")
    env = environment()
    assert not {"MLFLOW_TRACKING_URI", "GIT_DIR", "SLUICE_CONFIG"} & env.keys()
    assert env["PATH"] == os.environ["PATH"]
