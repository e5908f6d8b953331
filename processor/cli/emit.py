"""`sluice emit`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from processor.cli.client import Client, at, read_token
from processor.cli.options import DEFAULT_CONFIG, Config, Json, Url
from processor.cli.output import tell, tell_json
from processor.settings.load import load

RunId = Annotated[str, typer.Option("--run-id", help="The MLflow run that ended.")]
Model = Annotated[str, typer.Option("--model", help="The registered model it is a version of.")]
Registration = Annotated[
    Literal["please", "done"],
    typer.Option("--registration", help="please: register it for me; done: I did."),
]
Workspace = Annotated[str, typer.Option("--workspace", help="The MLflow workspace.")]
Artifact = Annotated[str, typer.Option("--artifact-path", help="Where in the run the model is.")]
Source = Annotated[str, typer.Option("--source", help="Who says so: a URI reference.")]
EventsToken = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        envvar="SLUICE_EVENTS_TOKEN_FILE",
        help="The token of POST /events; else web.events_token_file of the configuration.",
    ),
]


def training_completed(  # noqa: PLR0913, PLR0917 - the options of a command
    run_id: RunId,
    model: Model,
    registration: Registration = "please",
    workspace: Workspace = "default",
    artifact_path: Artifact = "model",
    source: Source = "urn:sluice:cli",
    config: Config = DEFAULT_CONFIG,
    url: Url = None,
    token_file: EventsToken = None,
    json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Say that a training run has ended; saying it twice is saying it once."""
    event = {
        "specversion": "1.0",
        "type": "sluice.training.completed.v1",
        "source": source,
        # made of the fact, so that a repeated command is the same event
        "id": f"{workspace}:{model}:{run_id}"[:250],
        "datacontenttype": "application/json",
        "data": {
            "run_id": run_id,
            "model": model,
            "registration": registration,
            "workspace": workspace,
            "artifact_path": artifact_path,
        },
    }
    client = _inbox(url, config, token_file)
    headers = {"Content-Type": "application/cloudevents+json"}
    found = client.post("/events", event, headers)
    if json:
        tell_json(found)
        return
    how = "told" if found["accepted"] else "was told before"
    tell(f"{how}: run {run_id} finished training {model}")


def _inbox(url: str | None, config: Path, token_file: Path | None) -> Client:
    """Return the client that holds the token of the inbox."""
    path = token_file or load(config).settings.web.events_token_file
    fix = "name it with --token-file, or set web.events_token_file"
    token = read_token(path, fix) if path else None
    return at(url, config, token)
