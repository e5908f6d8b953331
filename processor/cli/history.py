"""`sluice history`."""

from typing import Annotated

import typer
from pydantic_core import to_jsonable_python

from processor.cli.asking import ask
from processor.cli.client import segment
from processor.cli.options import DEFAULT_CONFIG, Config, Json, Model, Url, Workspace
from processor.cli.output import moment, tell, tell_json
from processor.views.as_of import moment as read_moment
from processor.views.history import history as question
from processor.views.knowledge import Knowledge

At = Annotated[str | None, typer.Option("--at", help="Only what happened until this moment.")]


def history(
    model: Model,
    at: At = None,
    workspace: Workspace = None,
    config: Config = DEFAULT_CONFIG,
    url: Url = None,
    json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Tell what happened to a model, in order."""

    async def offline(known: Knowledge) -> object:
        until = read_moment(at) if at else None
        return {"events": to_jsonable_python(await question(known, model, workspace, until))}

    path = f"/v1/models/{segment(model)}/history"
    found = ask(url, config, path, offline, workspace=workspace, at=at)
    if json:
        tell_json(found)
        return
    for event in found["events"]:
        tell(f"{moment(event['at'])}  {event['text']}  [{event['who']}]")
