"""`sluice dead list`, `retry` and `drop`: rows of work that were given up."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic_core import to_jsonable_python

from processor.cli.asking import ask
from processor.cli.operating import Asked, Ways, Wish, operate, operate_all
from processor.cli.options import DEFAULT_CONFIG, Config, Json, Reason, TokenFile, Url
from processor.cli.output import columns, complain, moment, tell, tell_json
from processor.commands.granted import Granted
from processor.errors import SluiceError
from processor.settings.load import ConfigError
from processor.views.knowledge import Knowledge
from processor.views.work_rows import work_rows

State = Annotated[str, typer.Option("--state", help="dead, or dropped, waiting, ready, running.")]
RowId = Annotated[int, typer.Argument(metavar="ID", min=1, help="The row, as `dead list` has it.")]
SomeRow = Annotated[
    int | None, typer.Argument(metavar="[ID]", min=1, help="The row, as `dead list` has it.")
]
All = Annotated[bool, typer.Option("--all", help="Every dead row instead of one.")]


def dead_list(
    state: State = "dead",
    config: Config = DEFAULT_CONFIG,
    url: Url = None,
    json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """List the rows of work that were given up: what they are about, since when, and why."""
    found = _rows(url, config, state)
    if json:
        tell_json(found)
        return
    if not found["rows"]:
        tell(f"no row is {state}")
    for row in found["rows"]:
        about = f" about {row['model']}" if row["model"] else ""
        part = f" for {row['part']}" if row["part"] else ""
        tell(f"row {row['id']}: {row['handler']}{part} at {row['event']}{about}")
        again = f", put back {row['retried']} times" if row["retried"] else ""
        details = [
            ("why", row["error"]),
            ("since", f"{moment(row['since'])}, {row['attempts']} attempts{again}"),
            ("lane", row["lane"]),
            ("event", row["event_id"]),
        ]
        tell(*columns(details))


def retry(
    row: SomeRow = None,
    every: All = False,  # noqa: FBT002 - a flag
    reason: Reason = "",
    config: Config = DEFAULT_CONFIG,
    url: Url = None,
    token_file: TokenFile = None,
    json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Put a dead row (or `--all`) back at its lane's tail, once its cause is mended."""
    if (row is None) != every:
        raise ConfigError(["sluice dead retry: name one row, or say --all"])
    ways = Ways(url=url, config=config, token_file=token_file)
    numbers = [one["id"] for one in _rows(url, config, "dead")["rows"]] if row is None else [row]
    # the oldest first: those of one lane then stand in it as they did before
    wishes = [_retried(number, reason) for number in sorted(numbers)]
    answers = operate_all(ways, wishes) if wishes else []
    if row is not None and isinstance(answers[0], SluiceError):
        raise answers[0]
    _told(dict(zip(sorted(numbers), answers, strict=True)), json=json)


def drop(
    row: RowId,
    reason: Reason,
    config: Config = DEFAULT_CONFIG,
    url: Url = None,
    token_file: TokenFile = None,
    json: Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Lay a dead row aside for good; what it should have done is not done."""

    async def offline(asked: Asked) -> Granted:
        return await asked.switches.drop(asked.who, row, reason, asked.key)

    ways = Ways(url=url, config=config, token_file=token_file)
    granted = operate(ways, Wish(f"/v1/work/{row}/drop", {"reason": reason}, offline))
    if json:
        tell_json(granted)
        return
    tell(f"row {row} is dropped")


def _rows(url: str | None, config: Path, state: str) -> Any:  # noqa: ANN401 - JSON
    async def offline(known: Knowledge) -> object:
        return {"rows": to_jsonable_python(await work_rows(known, state))}

    return ask(url, config, "/v1/work", offline, state=state)


def _retried(row: int, reason: str) -> Wish:
    async def offline(asked: Asked) -> Granted:
        return await asked.switches.retry(asked.who, row, reason, asked.key)

    return Wish(f"/v1/work/{row}/retry", {"reason": reason}, offline)


def _told(answers: dict[int, Any], *, json: bool) -> None:
    """Print what became of each row; exit 1 when one was refused."""
    refused = {row: one for row, one in answers.items() if isinstance(one, SluiceError)}
    if json:
        tell_json([{"row": row, **one} for row, one in answers.items() if row not in refused])
    else:
        rows: Sequence[int] = [row for row in answers if row not in refused]
        tell(*(f"row {row} is put back at its lane's tail" for row in rows))
        if not answers:
            tell("no row is dead")
    complain(*(f"row {row}: {one}" for row, one in refused.items()))
    if refused:
        raise typer.Exit(1)
