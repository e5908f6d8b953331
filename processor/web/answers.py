"""What a reader found, as JSON.

Place in the flow: the API answers with it; the command line prints the same.
"""

import hashlib
import json

from aiohttp import web
from pydantic_core import to_jsonable_python


def answer(found: object, status: int = 200) -> web.Response:
    """Return a dataclass (or dicts and lists of them) as JSON."""
    text = json.dumps(to_jsonable_python(found), ensure_ascii=False)
    return web.Response(text=text, status=status, content_type="application/json")


def tagged(request: web.Request, found: object, tag_of: object) -> web.Response:
    """Return the same with an ETag made of `tag_of`, or 304 when the asker has it already."""
    text = json.dumps(to_jsonable_python(tag_of), sort_keys=True)
    tag = hashlib.sha256(text.encode()).hexdigest()[:32]
    known = {one.value for one in request.if_none_match or ()}
    result = web.Response(status=304) if known & {tag, "*"} else answer(found)
    result.etag = tag
    result.headers["Cache-Control"] = "no-cache"
    return result
