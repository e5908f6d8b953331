import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from processor.demo import kubelet, manifests
from processor.demo.cluster import Controller
from processor.demo.processes import free_port
from tests.demo import parts

KEY = "InferenceService/default/m"


@pytest.fixture
def repository(tmp_path: Path) -> parts.Repository:
    return parts.new_repository(tmp_path)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return parts.save_models(tmp_path_factory.mktemp("model"), 1)[0]


@pytest.fixture
def controller(repository: parts.Repository, tmp_path: Path) -> Iterator[Controller]:
    one = Controller(repository=repository.bare, branch="main", folder=tmp_path / "state")
    yield one
    one.close()


def test_reads_inference_services_and_nothing_else(repository: parts.Repository) -> None:
    sha = repository.commit(
        {
            "a.yaml": parts.MANIFEST.format(name="a", uri="file:///a"),
            "b.yml": parts.MANIFEST.format(name="b", uri="")
            + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n---\n---\n- 1\n",
            "c.txt": parts.MANIFEST.format(name="c", uri="file:///c"),
            "d.yaml": "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\n"
            "metadata: {name: d, namespace: ns}\nspec: {predictor: null}\n",
            "e.yaml": "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\n",
        }
    )
    assert manifests.head(repository.bare, "main") == sha
    assert manifests.read(repository.bare, sha).workloads == {
        "InferenceService/default/a": "file:///a",
        "InferenceService/default/b": None,
        "InferenceService/ns/d": None,
    }


def test_no_branch_no_repository_no_yaml_are_problems_not_crashes(
    controller: Controller, repository: parts.Repository, tmp_path: Path
) -> None:
    controller.step()
    assert "no readable branch main" in controller.told["problem"]
    sha = repository.commit({"a.yaml": "a: [1\n"})
    controller.step()
    assert f"a.yaml at {sha[:12]} is not YAML" in controller.told["problem"]
    assert controller.told["revision"] == ""
    controller.repository = tmp_path / "nowhere"
    controller.step()
    assert "no readable branch" in controller.told["problem"]


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("s3://bucket/model", "loads file:// and plain paths only"),
        ("file://host/model", "loads file:// and plain paths only"),
        ("file:///nowhere", "there is no MLmodel file"),
        ("/nowhere", "there is no MLmodel file"),
    ],
)
def test_what_cannot_be_loaded_is_said(
    controller: Controller, repository: parts.Repository, uri: str, problem: str
) -> None:
    sha = repository.serve(uri)
    controller.step()
    told = controller.told["workloads"][KEY]
    assert problem in told["problem"]
    assert (told["applied_uri"], told["serving_uri"], told["revision"]) == (uri, None, sha)


def artifact(tmp_path: Path) -> Path:
    path = tmp_path / "broken model"
    path.mkdir()
    (path / "MLmodel").write_text("flavors: {}\n")
    (path / "serving_input_example.json").write_text("{}")
    return path


def test_a_server_that_dies_is_tried_again_later_each_time(
    controller: Controller,
    repository: parts.Repository,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kubelet, "_APP", "nothing.here:app")
    repository.serve(artifact(tmp_path).as_uri())

    def attempts(count: int) -> Any:
        controller.step()
        rollout = controller.rollouts[KEY]
        return rollout if rollout.attempts >= count else None

    first = parts.eventually(lambda: attempts(1), 30)
    assert "does not start: exit code 1" in first.problem
    assert first.servers() == []
    second = parts.eventually(lambda: attempts(2), 30)
    assert second.status()["serving_uri"] is None
    repository.commit({"README": "gone"})
    controller.step()
    assert controller.told["workloads"] == {}


@pytest.mark.real
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_running(
    tmp_path: Path, repository: parts.Repository, model: Path, number: int
) -> None:
    repository.serve(model.as_uri())
    port = free_port()
    command = [sys.executable, "-m", "processor.demo.cluster", "--port", str(port)]
    command += ["--repository", str(repository.bare), "--state", str(tmp_path / "state")]
    cluster = subprocess.Popen(command)
    url = f"http://127.0.0.1:{port}"

    def pid() -> Any:
        told = parts.status(url)
        return told and told["workloads"].get(KEY, {}).get("pid")

    server = parts.eventually(pid)
    assert str(model).encode() in Path(f"/proc/{server}/environ").read_bytes()
    cluster.send_signal(number)
    assert cluster.wait(20) == (0 if number != signal.SIGKILL else -signal.SIGKILL)
    parts.eventually(lambda: not Path(f"/proc/{server}").exists(), 10)


@pytest.mark.real
def test_a_taken_port_is_one_line(tmp_path: Path, repository: parts.Repository) -> None:
    with parts.running_cluster(repository, tmp_path) as url:
        command = [sys.executable, "-m", "processor.demo.cluster", "--repository", "x", "--port"]
        done = subprocess.run(
            [*command, url.rpartition(":")[2]], capture_output=True, text=True, check=False
        )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "in use" in done.stderr
