"""`sluice status`."""

from typing import Any

import typer

from processor.cli.asking import ask
from processor.cli.options import DEFAULT_CONFIG, Config, Json, Url
from processor.cli.output import columns, moment, tell, tell_json
from processor.views.status import status as question


def status(config: Config = DEFAULT_CONFIG, url: Url = None, json: Json = False) -> None:  # noqa: FBT002 - a flag
    """Say how Sluice stands: what is paused or held, what it depends on, what waits, what died.

    Exit 1 while something wants an operator: paused writes, a product that does not answer, a
    dead row. A hold is somebody's decision and no reason to worry.
    """
    found = ask(url, config, "/v1/status", question)
    if json:
        tell_json(found)
    else:
        tell(f"Sluice {found['program']}, mode {found['mode']}, registry {found['registry']}")
        tell(*columns(_rows(found)))
    if not found["well"]:
        raise typer.Exit(1)


def _rows(found: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - JSON
    """Return what stands where."""
    rows = [("PAUSED", _paused(one)) for one in found["pauses"]]
    rows += [("held", _held(one)) for one in found["holds"]]
    rows += [
        ("events", f"{found['events']}, {found['undispatched']} on their way"),
        ("work", _counts(found["work"])),
        ("effects", _counts(found["effects"])),
    ]
    rows += [
        (
            product["name"],
            f"DOWN since {moment(product['since'])}: {product['problem']}"
            if product["problem"]
            else f"answers since {moment(product['since'])}",
        )
        for product in found["products"]
    ]
    rows += [("slower", f"{one['name']} {one['pace']}") for one in found["looks"] if one["pace"]]
    rows += [
        ("waiting", f"{row['handler']} until {moment(row['due_at'])}: {row['error']}")
        for row in found["waiting"]
    ]
    rows += [
        ("DEAD", f"row {row['id']}, {row['handler']}: {row['error']}") for row in found["dead"]
    ]
    if found["dead"]:
        rows.append(("", "sluice dead retry ID, or: sluice dead drop ID --reason ..."))
    return rows


def _paused(pause: dict[str, Any]) -> str:
    what = f"writes about {pause['model']}" if pause["model"] else "all writes"
    return (
        f"{what}, by {pause['by']} since {moment(pause['since'])}: {pause['reason']}; "
        f"to lift it: {pause['command']}"
    )


def _held(hold: dict[str, Any]) -> str:
    end = f" until {moment(hold['until'])}" if hold["until"] else ""
    return (
        f"{hold['target']} of {hold['model']}, by {hold['by']} since {moment(hold['since'])}{end}: "
        f"{hold['reason']}; to lift it: {hold['command']}"
    )


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "none"
