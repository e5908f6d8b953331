"""What the commands that want something share.

Place in the flow: every command that wants something of a running process sends its wish by
`wish`, with a random Idempotency-Key it keeps across its repetitions.
"""

import secrets
import time
from collections.abc import Mapping
from typing import Any

from processor.cli.client import Client, Denied, Unreachable

_TRIES = 3
_BUSY = 503


def wish(client: Client, path: str, body: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
    """Send a wish; try again, as the same wish, while the process or a product is in the way."""
    headers = {"Idempotency-Key": fresh_key()}
    for again in range(_TRIES):
        try:
            return client.post(path, body, headers)
        except Unreachable:
            if again == _TRIES - 1:
                raise
        except Denied as refusal:
            if refusal.status != _BUSY or again == _TRIES - 1:
                raise
        time.sleep(1 + again)
    raise AssertionError  # the last try returns or raises


def fresh_key() -> str:
    """Return what makes a wish one of its own, however often it is sent."""
    return secrets.token_urlsafe(24)


def open_promotion(
    client: Client, model: str, number: str | None, target: str | None
) -> Mapping[str, Any]:
    """Return the one open proposal that is meant. Raises Denied when there is none, or several."""
    found = client.get("/v1/promotions", model=model, target=target, state="proposed")["promotions"]
    meant = [one for one in found if number in {None, one["version"]}]
    if len(meant) == 1:
        only: Mapping[str, Any] = meant[0]
        return only
    what = f"{model}{f'@{number}' if number else ''}{f' at {target}' if target else ''}"
    if not meant:
        raise Denied(f"{what}: no proposal is open; sluice why-not {model} says why", 404)
    choices = ", ".join(f"{one['model']}@{one['version']} at {one['target']}" for one in meant)
    raise Denied(f"{what}: several proposals are open: {choices}; name version and target", 409)
