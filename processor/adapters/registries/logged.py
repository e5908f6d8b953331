"""What a training run logged, and where MLflow keeps it.

Place in the flow: `registries/mlflow` asks it when it registers a run's model. A 2.x client
stores a model among the run's artifacts; MLflow 3 made it an entity of its own.
"""

from processor.adapters.registries.rest import Rest
from processor.errors import Terminal


async def source_of(rest: Rest, workspace: str, run_id: str, artifact_path: str) -> tuple[str, str]:
    """Return the source of a run's model, and its id where it is a logged model of MLflow 3.

    Of several logged models of that name the one logged at the latest step counts. Raises
    Terminal when the run has none there.
    """
    path = "artifacts/list"
    listed = await rest.find(workspace, path, {"run_id": run_id, "path": artifact_path})
    if listed is None:
        raise Terminal(f"run {run_id} is not known to MLflow; there is no model to register")
    if f"{artifact_path}/MLmodel" in {file["path"] for file in listed.get("files", ())}:
        root = rest.read(path, lambda: str(listed["root_uri"]))
        return f"{root.rstrip('/')}/{artifact_path}", ""
    found = await rest.find(workspace, "runs/get", {"run_id": run_id})
    outputs = ((found or {}).get("run", {}).get("outputs") or {}).get("model_outputs", ())
    for output in sorted(outputs, key=lambda one: int(one.get("step", 0)), reverse=True):
        model_id = output["model_id"]
        logged = await rest.find(workspace, f"logged-models/{model_id}")
        if logged is not None and logged["model"]["info"]["name"] == artifact_path:
            return f"models:/{model_id}", model_id
    raise Terminal(
        f"run {run_id} has no model at {artifact_path!r}: neither an MLmodel among its "
        f"artifacts nor a logged model of that name; name the one its training script logged"
    )
