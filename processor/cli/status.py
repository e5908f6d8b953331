"""`sluice status`."""

from typing import Any

from processor.cli.asking import ask
from processor.cli.options import DEFAULT_CONFIG, Config, Json, Url
from processor.cli.output import columns, moment, tell, tell_json
from processor.views.status import status as question


def status(config: Config = DEFAULT_CONFIG, url: Url = None, json: Json = False) -> None:  # noqa: FBT002 - a flag
    """Say how Sluice stands: what it depends on, what waits, what died."""
    found = ask(url, config, "/v1/status", question)
    if json:
        tell_json(found)
        return
    tell(f"Sluice {found['program']}, mode {found['mode']}, registry {found['registry']}")
    tell(*columns(_rows(found)))


def _rows(found: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - JSON
    """Return what stands where."""
    rows = [
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
    rows += [
        ("waiting", f"{row['handler']} until {moment(row['due_at'])}: {row['error']}")
        for row in found["waiting"]
    ]
    rows += [
        ("DEAD", f"row {row['id']}, {row['handler']}: {row['error']}") for row in found["dead"]
    ]
    return rows


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "none"
