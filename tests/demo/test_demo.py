"""The whole story, twice, with its parts kept: everything it says is asked again elsewhere."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest

from processor.demo.http import NoAnswer, call
from tests.demo.parts import eventually

pytestmark = pytest.mark.real

DEMO = [sys.executable, "-m", "processor", "demo"]
SEEDS = [3, 11]


@dataclass
class Ended:
    """A demo that ended with its parts kept; `printed` is all it wrote to stdout."""

    told: dict[str, Any]
    printed: str
    seed: int

    def mlflow(self, path: str) -> Any:
        return call(f"{self.told['parts']['mlflow']}/api/2.0/mlflow/{path}")

    def git(self, *words: str) -> str:
        command = ["git", "--git-dir", self.told["parts"]["repository"], *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def registered(self) -> dict[str, Any]:
        name = quote(f"name='{self.told['model']}'", safe="")
        found = self.mlflow(f"model-versions/search?filter={name}")
        return {row["version"]: row for row in found["model_versions"]}


def environment() -> dict[str, str]:
    root = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": root}


def living(marker: str) -> list[str]:
    """Return the command lines of processes that work in, or name, a folder."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            said = command + (process / "environ").read_bytes().decode(errors="replace")
            if command and (marker in said or marker in str((process / "cwd").readlink())):
                found.append(f"{process.name} {command}")
        except OSError:
            continue
    return found


@contextmanager
def kept(seed: int, place: Path) -> Iterator[Ended]:
    done = subprocess.run(
        [*DEMO, "--yes", "--json", "--keep", "--seed", str(seed)],
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
        cwd=place,
        env={**environment(), "TMPDIR": str(place)},
    )
    try:
        assert done.returncode == 0, done.stderr
        yield Ended(json.loads(done.stdout.splitlines()[-1]), done.stdout, seed)
    finally:
        for pids in place.rglob("pids.json"):
            for pid in json.loads(pids.read_text()).values():
                os.killpg(pid, signal.SIGTERM)
        eventually(lambda: not living(str(place)), 20)


@pytest.fixture(scope="module", params=SEEDS)
def ended(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    seed = request.param
    with kept(seed, tmp_path_factory.mktemp(f"demo-{seed}")) as one:
        yield one


TOLD: dict[int, dict[str, Any]] = {}


def test_stdout_is_one_json_line(ended: Ended) -> None:
    TOLD[ended.seed] = ended.told
    assert len(ended.printed.splitlines()) == 1


def test_the_serving_process_holds_version_2(ended: Ended) -> None:
    serving = ended.told["serving"]
    assert serving["version"] == "2"
    run = ended.registered()["2"]["run_id"]
    environ = Path(f"/proc/{serving['pid']}/environ").read_bytes().split(b"\0")
    (path,) = (one.split(b"=", 1)[1] for one in environ if one.startswith(b"__pyfunc_model_path__"))
    assert path.decode() == unquote(urlsplit(serving["uri"]).path)
    assert run in (Path(path.decode()) / "MLmodel").read_text()


def test_version_1_is_gone(ended: Ended) -> None:
    assert not Path(f"/proc/{ended.told['replaced']['pid']}").exists()
    servers = [line for line in living(ended.told["folder"]) if "scoring_server" in line]
    assert {line.split()[0] for line in servers if "tether" not in line} == {
        str(ended.told["serving"]["pid"])
    }


def test_the_model_server_itself_says_the_same_prediction(ended: Ended) -> None:
    serving = ended.told["serving"]
    path = Path(unquote(urlsplit(serving["uri"]).path)) / "serving_input_example.json"
    example = json.loads(path.read_text())
    assert call(f"{serving['endpoint']}/invocations", body=example) == ended.told["prediction"]


def test_stages_and_alias_are_what_mlflow_says(ended: Ended) -> None:
    rows = ended.registered()
    stages = {number: row["current_stage"] for number, row in rows.items()}
    assert stages == {"1": "Archived", "2": "Production", "3": "None"}
    told = {number: row["stage"] for number, row in ended.told["versions"].items()}
    assert told == stages
    alias = ended.mlflow(
        f"registered-models/alias?name={quote(ended.told['model'])}&alias=champion"
    )
    assert alias["model_version"]["version"] == "2"


def test_metrics_are_what_the_trainer_logged(ended: Ended) -> None:
    for number, row in ended.told["versions"].items():
        run = ended.mlflow(f"runs/get?run_id={row['run_id']}")["run"]
        assert ended.registered()[number]["run_id"] == row["run_id"]
        assert run["info"]["status"] == "FINISHED"
        logged = {one["key"]: one["value"] for one in run["data"]["metrics"]}
        assert logged == row["metrics"]


def test_every_answer_equals_what_was_logged(ended: Ended) -> None:
    why, row = ended.told["why"], ended.told["versions"]["2"]
    run = ended.mlflow(f"runs/get?run_id={row['run_id']}")["run"]
    (data,) = run["inputs"]["dataset_inputs"]
    assert "v2" in why["serves"]
    for name, value in row["metrics"].items():
        assert name in why["accuracy"]
        assert str(value)[:8] in why["accuracy"]
    assert row["run_id"] in why["trained"]
    assert "tara (claimed)" in why["trained"]
    assert data["dataset"]["name"] in why["data"]
    assert data["dataset"]["digest"] in why["data"]
    assert "ana" in why["approved"]
    assert ended.git("rev-parse", "main").strip() in why["approved"]
    assert "v1" in why["compared"]


def test_the_third_is_refused_with_reasons(ended: Ended) -> None:
    third = ended.told["versions"]["3"]
    assert third["verdict"] == "failed"
    assert len(third["shortfalls"]) == 2
    assert "accuracy" in third["shortfalls"][0]
    assert "log_loss" in third["shortfalls"][1]
    shas = ended.git("log", "--format=%B", "main")
    assert "v3" not in shas


def test_git_names_version_2_and_changed_two_scalars(ended: Ended) -> None:
    file = f"apps/production/{ended.told['model']}.yaml"
    text = ended.git("show", f"main:{file}")
    assert ended.told["serving"]["uri"] in text
    merges = ended.git("log", "--first-parent", "--format=%H", "main").split()
    assert len(merges) == 3
    for merge in merges[:-1]:
        changed = ended.git("diff", "--numstat", f"{merge}^1", merge).split()
        assert changed == ["2", "2", file]


def test_the_comparison_is_with_version_1(ended: Ended) -> None:
    comparison, versions = ended.told["comparison"], ended.told["versions"]
    assert comparison["champion"]["number"] == "1"
    for row in comparison["rows"]:
        assert float(row["candidate"]) == versions["2"]["metrics"][row["metric"]]
        assert float(row["champion"]) == versions["1"]["metrics"][row["metric"]]


def test_seconds_add_up(ended: Ended) -> None:
    seconds = dict(ended.told["seconds"])
    total = seconds.pop("total")
    assert abs(sum(seconds.values()) - total) < 0.5
    assert len(seconds) >= 8


def test_two_seeds_tell_different_stories() -> None:
    if len(TOLD) < 2:
        pytest.skip("needs both stories")
    one, two = TOLD.values()
    assert one["model"] != two["model"]
    for number in ("1", "2", "3"):
        assert one["versions"][number]["metrics"] != two["versions"][number]["metrics"]
    assert one["comparison"] != two["comparison"]


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (signal.SIGINT, "everything is in"),
        (signal.SIGTERM, "starting MLflow"),
        (signal.SIGINT, "mlflow answers"),
        (signal.SIGINT, "a model server for version 1"),
        (signal.SIGKILL, "a model server for version 2"),
    ],
)
def test_stopped_anywhere_nothing_is_left(tmp_path: Path, number: int, line: str) -> None:
    demo = subprocess.Popen(
        [*DEMO, "--yes", "--json"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        cwd=tmp_path,
        env={**environment(), "TMPDIR": str(tmp_path)},
        start_new_session=True,
    )
    assert demo.stderr is not None
    said = ""
    for said in demo.stderr:
        if line in said:
            break
    assert line in said
    time.sleep(1.0)
    demo.send_signal(number)
    assert demo.wait(20) == (130 if number != signal.SIGKILL else -signal.SIGKILL)
    demo.stderr.close()
    eventually(lambda: not living(str(tmp_path)), 10)
    if number != signal.SIGKILL:
        assert not list(tmp_path.glob("sluice-demo-*"))


@contextmanager
def waiting_for_a_person(place: Path, *more: str) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [*DEMO, *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=place,
        env={**environment(), "TMPDIR": str(place)},
    ) as demo:
        try:
            yield demo
        finally:
            demo.terminate()


def commands(demo: "subprocess.Popen[str]") -> Iterator[list[str]]:
    """Yield the commands it prints for a person, as words behind `sluice`; then other lines."""
    assert demo.stdout is not None
    for line in demo.stdout:
        words = [word.strip("'") for word in line.partition("] ")[2].split()]
        if words[:1] == ["sluice"] and words[1] in {"sign-in", "approve", "why"}:
            yield words[1:]


def sluice(*words: str) -> None:
    command = [sys.executable, "-m", "processor", *words]
    subprocess.run(command, check=True, env=environment())


def test_without_yes_a_person_approves_by_the_printed_commands(tmp_path: Path) -> None:
    done = []
    with waiting_for_a_person(tmp_path, "--seed", "5") as demo:
        for words in commands(demo):
            done.append(words[0])
            if words[0] == "why":
                break
            sluice(*words)
        assert demo.stdout is not None
        rest = demo.stdout.read()  # not communicate(): that would miss what was read ahead
        assert demo.wait(30) == 0
    assert done == ["sign-in", "approve", "approve", "why"]
    assert "Who approved it?       ana at " in rest
    assert not living(str(tmp_path))
    assert not list(tmp_path.glob("sluice-demo-*"))


def test_a_person_may_say_no(tmp_path: Path) -> None:
    with waiting_for_a_person(tmp_path) as demo:
        for words in commands(demo):
            if words[0] == "approve":
                sluice("reject", *words[1:], "--reason", "not today")
                break
            sluice(*words)
        _, said = demo.communicate(timeout=30)
        assert demo.returncode == 1
    assert "version 1 was rejected: not today" in said
    assert not living(str(tmp_path))


def test_a_taken_port_is_one_line_and_starts_nothing(tmp_path: Path, ended: Ended) -> None:
    taken = str(urlsplit(ended.told["parts"]["sluice"]).port)
    done = subprocess.run(
        [*DEMO, "--port", taken],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**environment(), "TMPDIR": str(tmp_path)},
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert f"port {taken}" in done.stderr
    assert not list(tmp_path.iterdir())


def test_sluice_still_answers_and_nobody_else_can_speak_for_it(ended: Ended) -> None:
    url = ended.told["parts"]["sluice"]
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "/x",
        "type": "sluice.promotion.approved.v1",
        "data": {},
    }
    with pytest.raises(NoAnswer, match=r"said 40[13]"):
        call(f"{url}/events", body=event, headers={"Content-Type": "application/cloudevents+json"})
    assert call(f"{url}/readyz")
