"""Request bodies, read with a limit in size and time.

Place in the flow: whoever needs a body asks here; `guard` has looked at its announced size.
"""

import asyncio
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import NoReturn

from aiohttp import web

from processor.errors import Refused

_SECONDS = 5


async def raw(request: web.Request) -> bytes:
    """Return the body, at most 1 MiB. Raises Refused 408; aiohttp cuts off what is larger."""
    try:
        async with asyncio.timeout(_SECONDS):
            return await request.read()
    except TimeoutError as exc:
        raise Refused(
            "Too slow",
            f"the body did not arrive within {_SECONDS} s",
            status=HTTPStatus.REQUEST_TIMEOUT,
        ) from exc


def parsed(text: bytes) -> object:
    """Return JSON. Raises Refused 400: not UTF-8, not JSON, NaN, a key twice, nested too deep."""
    try:
        return json.loads(text.decode(), parse_constant=_no_constant, object_pairs_hook=_once)
    except (ValueError, RecursionError) as exc:
        said = "is nested too deep" if isinstance(exc, RecursionError) else f"is not JSON: {exc}"
        raise Refused("Malformed", f"the body {said}", status=HTTPStatus.BAD_REQUEST) from exc


async def fields(request: web.Request, *names: str) -> Mapping[str, str]:
    """Return the text fields of a JSON body; an unnamed one is refused, a missing one empty.

    Raises Refused 400, 408, 415.
    """
    if request.content_type != "application/json":
        raise Refused(
            "JSON, please",
            "send Content-Type: application/json",
            status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        )
    body = parsed(await raw(request) or b"{}")
    if not isinstance(body, dict):
        raise Refused("Malformed", "the body should be an object", status=HTTPStatus.BAD_REQUEST)
    for name, value in body.items():
        if name not in names:
            detail = f"unknown field {name}; there are {', '.join(names) or 'none'}"
            raise Refused("Malformed", detail, status=HTTPStatus.BAD_REQUEST)
        if not isinstance(value, str):
            detail = f"the field {name} should be text"
            raise Refused("Malformed", detail, status=HTTPStatus.BAD_REQUEST)
    return {name: body.get(name, "") for name in names}


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is written twice")
    return found
