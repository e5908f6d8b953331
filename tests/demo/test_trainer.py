import json
import subprocess
import sys
from pathlib import Path

import pytest

from processor.demo.lesson import train
from processor.demo.scene import environment

pytestmark = pytest.mark.real


def test_the_trainer_logs_what_it_says_and_survives_nonsense(tmp_path: Path) -> None:
    where = f"sqlite:///{tmp_path / 'm.db'}"
    wishes = [
        *({"train": number, "seed": 5, "tracking_uri": where} for number in (1, 3)),
        {"train": 9, "seed": 5, "tracking_uri": where},
        {},
        {"train": 2, "seed": 5, "tracking_uri": "bogus://x"},
    ]
    done = subprocess.run(
        [sys.executable, "-m", "processor.demo.trainer"],
        input="".join(json.dumps(wish) + "\n" for wish in wishes),
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env=environment(),
    )
    ready, first, third, *problems = [json.loads(line) for line in done.stdout.splitlines()]
    assert ready["ready"] is True
    assert first["metrics"] == train(1, 5).metrics
    assert third["metrics"] == train(3, 5).metrics
    assert len(problems) == 3
    assert all(list(told) == ["problem"] for told in problems)
    found = subprocess.run(
        [sys.executable, "-c", _LOOK, where, first["run_id"]],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env=environment(),
    )
    run = json.loads(found.stdout.splitlines()[-1])
    assert run["status"] == "FINISHED"
    assert run["user"] == "tara"
    assert run["metrics"] == first["metrics"]
    assert run["datasets"] == [[first["dataset"]["name"], first["dataset"]["digest"], "training"]]
    (saved,) = (path.parent for path in tmp_path.rglob("MLmodel") if first["run_id"] in _text(path))
    assert (saved / "serving_input_example.json").is_file()
    assert (saved / "model.skops").is_file()  # no pickle anywhere
    assert not list(saved.glob("*.pkl"))


def _text(path: Path) -> str:
    return path.read_text()


_LOOK = """
import json, sys, mlflow
mlflow.set_tracking_uri(sys.argv[1])
run = mlflow.get_run(sys.argv[2])
print(json.dumps({
    "status": run.info.status,
    "user": run.data.tags["mlflow.user"],
    "metrics": run.data.metrics,
    "datasets": [
        [one.dataset.name, one.dataset.digest, one.tags[0].value]
        for one in run.inputs.dataset_inputs
    ],
}))
"""
