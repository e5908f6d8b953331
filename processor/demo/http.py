"""Small HTTP calls from the demo's own processes.

Place in the flow: `demo/cluster` probes model servers with it, `demo/story` talks to the parts.
The standard library is enough here: aiohttp belongs to the running processor.
"""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # everything is on loopback


class NoAnswer(Exception):
    """The other side did not answer as it should; the message says what it said instead."""


def call(
    url: str,
    *,
    body: object | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 10.0,
) -> Any:  # noqa: ANN401 - somebody else's JSON
    """GET (POST with a body) and return the parsed JSON, or the text when it is none.

    Times are in seconds. Raises NoAnswer for anything but a 2xx.
    """
    data = None if body is None else json.dumps(body).encode()
    given = {"Content-Type": "application/json", **(headers or {})}
    request = urllib.request.Request(url, data=data, headers=given)  # noqa: S310 - loopback http
    try:
        with _OPENER.open(request, timeout=timeout) as answer:
            text = answer.read().decode(errors="replace")
    except urllib.error.HTTPError as refusal:
        said = refusal.read().decode(errors="replace")[:500]
        raise NoAnswer(f"{url} said {refusal.code}: {said}") from None
    except (OSError, http.client.HTTPException) as trouble:
        raise NoAnswer(f"{url}: {trouble}") from None
    try:
        return json.loads(text)
    except ValueError:
        return text
