"""`sluice why`."""

from typing import Annotated

import typer

from processor.cli.asking import ask
from processor.cli.client import segment
from processor.cli.options import DEFAULT_CONFIG, Config, Json, Model, Target, Url, Workspace
from processor.cli.output import columns, moment, tell, tell_json
from processor.views.as_of import moment as read_moment
from processor.views.why import why as question

At = Annotated[
    str | None,
    typer.Option("--at", help="A moment, 2026-04-01T12:00Z, or a date, meaning its end."),
]
_QUESTIONS = {
    "serves": "What serves?",
    "accuracy": "How accurate is it?",
    "trained": "When was it trained?",
    "data": "On what data?",
    "approved": "Who approved it?",
    "compared": "How does it compare?",
}


def why(
    model: Model,
    target: Target = None,
    at: At = None,
    workspace: Workspace = None,
    config: Config = DEFAULT_CONFIG,
    url: Url = None,
    json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Answer the six audit questions, for now or for a moment in the past."""
    found = ask(
        url,
        config,
        f"/v1/models/{segment(model)}/why",
        lambda known: question(
            known,
            model,
            target=target,
            workspace=workspace,
            at=read_moment(at) if at else None,
        ),
        target=target,
        workspace=workspace,
        at=at,
    )
    if json:
        tell_json(found)
        return
    when = f"as of {moment(found['at'])}" if found["at"] else "now"
    tell(f"{found['model']} at {found['target']}, {when}")
    tell(*columns((asked, found["answers"][key]) for key, asked in _QUESTIONS.items()))
