"""HTML forms, read and checked.

Place in the flow: every page that changes something takes its fields from here.
"""

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl

from aiohttp import web

from processor.errors import Refused
from processor.web.bodies import raw

_MOST = 20


async def read_form(request: web.Request) -> Mapping[str, str]:
    """Return a form's fields; files are not taken. Raises Refused 400, 408, 415."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise Refused(
            "A form, please",
            "send application/x-www-form-urlencoded, or JSON to /v1",
            status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        )
    try:
        text = (await raw(request)).decode()
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST))
    except ValueError as exc:
        raise Refused("Malformed", "the form cannot be read", status=400) from exc
