"""How the story ended: asked from Sluice, from the cluster and from the model server itself.

Place in the flow: `demo/story` ends with it; the JSON line of `--json` is what `outcome` returns.
"""

import os
from collections.abc import Mapping
from typing import Any

from processor.demo.acts import Acts
from processor.demo.http import call
from processor.demo.scene import Scene
from processor.demo.telling import StoryBroke, Teller

_SETTLES = 30.0  # seconds until the registry says what the story did
_STAGES = {"1": "Archived", "2": "Production"}
_QUESTIONS = {
    "serves": "What serves?",
    "accuracy": "How good is it?",
    "trained": "Who trained it, when?",
    "data": "On what data?",
    "approved": "Who approved it?",
    "compared": "Compared with what?",
}


def outcome(acts: Acts) -> dict[str, Any]:
    """Return the end of the story. Raises StoryBroke when it is not the one told."""
    versions = acts.teller.wait(
        "the registry's stages and alias follow", lambda: _settled(acts), timeout=_SETTLES
    )
    workload, why, active = acts.workload(), acts.client.why(), acts.client.active()
    prediction = call(f"{workload['endpoint']}/invocations", body=workload["example"])
    scene = acts.parts.scene
    found = {
        "model": scene.model,
        "serving": {
            "version": active["serving"][0]["version"] if active["serving"] else None,
            "approved": active["approved"],
            "uri": workload["serving_uri"],
            "endpoint": workload["endpoint"],
            "pid": workload["pid"],
        },
        "replaced": {"version": "1", "pid": acts.pids["1"]},
        "versions": {
            number: {
                "stage": row["stage"],
                "verdict": row["verdict"],
                "shortfalls": row["shortfalls"],
                "run_id": row["run_id"],
                "metrics": acts.trained[number]["metrics"],
            }
            for number, row in sorted(versions.items())
        },
        "why": why["answers"],
        "prediction": prediction,
        "comparison": acts.client.promotion(acts.promoted["2"])["comparison"],
        "folder": str(scene.folder),
        "parts": {
            "mlflow": scene.url("mlflow"),
            "repository": str(scene.repository),
            "sluice": scene.url("sluice"),
            "cluster": scene.url("cluster"),
        },
    }
    _insist(found, active)
    return found


def tell(found: Mapping[str, Any], teller: Teller, scene: Scene) -> None:
    """Print the prediction, the comparison, `sluice why`, and where the time went."""
    say = teller.say
    serving = found["serving"]
    say(f"version {serving['version']} predicts {found['prediction']} at {serving['endpoint']}")
    say("version 2 beside version 1, which served then:")
    for row in found["comparison"]["rows"]:
        say(f"    {row['metric']}: {row['champion']} -> {row['candidate']} ({row['delta']})")
    say(f"sluice why {scene.model}")
    for question, answer in found["why"].items():
        say(f"    {_QUESTIONS.get(question, question):22} {answer}")
    seconds = dict(found["seconds"])
    total = seconds.pop("total")
    say(f"{total:.1f} s in total, of which")
    for phase, taken in seconds.items():
        say(f"    {phase:12} {taken:6.1f} s {taken / total:5.0%}")


def _settled(acts: Acts) -> Mapping[str, Any] | None:
    """Return the versions once stages and alias are what the story made them."""
    versions = acts.client.versions()
    stages = {number: row["stage"] for number, row in versions.items() if number in _STAGES}
    if stages != _STAGES or "champion" not in versions["2"]["aliases"]:
        return None
    return versions


def _insist(found: Mapping[str, Any], active: Mapping[str, Any]) -> None:
    """Raise StoryBroke for anything that is not as it should be."""
    serving, versions = found["serving"], found["versions"]
    facts = {
        "version 2 serves": serving["version"] == "2",
        "it serves because it was approved": serving["approved"],
        "Sluice and the cluster name the same artifact": active["uri"] == serving["uri"],
        "version 3 was refused": versions["3"]["verdict"] == "failed",
        "the served version predicts": "predictions" in found["prediction"],
        "all six questions are answered": all(found["why"].get(name) for name in _QUESTIONS),
        "version 1's server is gone": not _runs(found["replaced"]["pid"]),
        "the two were compared": bool(found["comparison"] and found["comparison"]["rows"]),
    }
    wrong = [fact for fact, holds in facts.items() if not holds]
    if wrong:
        raise StoryBroke(f"not so: {'; '.join(wrong)}")


def _runs(pid: int) -> bool:
    """Tell whether a process is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
