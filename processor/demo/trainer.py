"""The sample person's training pipeline: a process that trains on request.

Place in the flow: `demo/story` starts one early, so that its imports overlap with everything else,
and asks it for versions over stdin. One JSON object a line, each way:

    <- {"ready": true, "seconds": 3.2}
    -> {"train": 1, "seed": 7, "tracking_uri": "http://127.0.0.1:5000"}
    <- {"run_id": "...", "metrics": {...}, "parameters": {...}, "seconds": 1.9}
    <- {"problem": "..."}                                   when that did not work
"""

import json
import os
import sys
import time
import warnings
from importlib.metadata import version
from typing import Any

from processor.demo.lesson import LESSONS, model_name, train

PERSON = "tara"
DATASET = "breast-cancer-wisconsin"
_PINNED = ("mlflow", "scikit-learn", "skops", "pandas", "numpy")


def main() -> int:
    """Answer requests until stdin ends."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    sys.stdout = sys.stderr  # MLflow prints links there; answers go out alone
    warnings.filterwarnings("ignore", message="Hint: Inferred schema contains integer")
    began = time.monotonic()
    import mlflow.sklearn  # noqa: F401, PLC0415 - the slow part, while others start too
    import sklearn.linear_model  # noqa: F401, PLC0415
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    _say(out, ready=True, seconds=round(time.monotonic() - began, 2))
    for line in sys.stdin:
        began = time.monotonic()
        try:
            wish = json.loads(line)
            told = _log(int(wish["train"]), int(wish["seed"]), str(wish["tracking_uri"]))
        except (MlflowException, OSError, KeyError, ValueError) as trouble:
            _say(out, problem=f"{type(trouble).__name__}: {trouble}")
        else:
            _say(out, **told, seconds=round(time.monotonic() - began, 2))
    return 0


def _log(number: int, seed: int, tracking_uri: str) -> dict[str, Any]:
    """Train one version and log it as a finished run, the way a pipeline does."""
    import mlflow  # noqa: PLC0415
    from mlflow.data.pandas_dataset import from_pandas  # noqa: PLC0415
    from mlflow.sklearn import log_model  # noqa: PLC0415

    trained = train(number, seed)
    mlflow.set_tracking_uri(tracking_uri)
    mlflow.set_experiment(model_name(seed))
    tags = {"mlflow.user": PERSON, "mlflow.note.content": LESSONS[number].note}
    with mlflow.start_run(run_name=f"training {number}", tags=tags) as run:
        data = from_pandas(trained.frame, name=DATASET, targets="target")
        mlflow.log_input(data, context="training")
        mlflow.log_params(trained.parameters)
        mlflow.log_metrics(trained.metrics)
        log_model(
            trained.pipeline,
            name="model",
            input_example=trained.frame.drop(columns="target").head(1),
            pip_requirements=[f"{name}=={version(name)}" for name in _PINNED],
        )
    return {
        "run_id": run.info.run_id,
        "metrics": trained.metrics,
        "parameters": trained.parameters,
        "dataset": {"name": DATASET, "digest": data.digest},
    }


def _say(out: Any, **fields: object) -> None:  # noqa: ANN401 - a text stream
    """Write one answer."""
    out.write(json.dumps(fields) + "\n")


if __name__ == "__main__":
    sys.exit(main())
