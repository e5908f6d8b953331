"""`sluice config explain`."""

from typing import Annotated, Any

import typer
from pydantic_core import to_jsonable_python

from processor.cli.options import DEFAULT_CONFIG, Config, Json, Workspace
from processor.cli.output import tell, tell_json
from processor.settings.explain import explain as explanations
from processor.settings.explain import explain_settings
from processor.settings.load import load

AnyModel = Annotated[
    str | None,
    typer.Argument(metavar="[MODEL]", help="A model, known or not; else every policy."),
]


def explain(
    model: AnyModel = None,
    workspace: Workspace = None,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Say which policy rules a model and why, what each value means, and where it comes from.

    Nothing is asked of any product, and no process need run.
    """
    loaded = load(config)
    found: dict[str, Any] = {
        "explanations": to_jsonable_python(explanations(loaded, model, workspace))
    }
    if model is None:
        found["settings"] = to_jsonable_python(explain_settings(loaded))
    if json:
        tell_json(found)
        return
    for one in found["explanations"]:
        _tell_one(one)
    if model is None:
        _tell_part(found["settings"])


def _tell_one(one: dict[str, Any]) -> None:
    """Print one policy as it rules a model."""
    policy = one["policy"]
    about = f"model {one['model']}" if one["model"] else f"models {policy['pattern']}"
    tell(f"{about}, workspace {one['workspace']}: {policy['source']}")
    tell(f"  {one['why']}")
    for other in one["others"]:
        tell(f'  also matches: "{other["pattern"]}" of {other["source"]}')
    _tell_part({"title": "mode", "facts": [one["mode"]]})
    for part in one["parts"]:
        _tell_part(part)


def _tell_part(part: dict[str, Any]) -> None:
    """Print facts in two columns, with the source of each behind it."""
    tell(part["title"])
    width = max((len(fact["what"]) for fact in part["facts"]), default=0)
    for fact in part["facts"]:
        tell(f"  {fact['what']:<{width}}  {fact['says']}  [{fact['source']}]")
