"""Refusals as RFC 9457 problems, or as a page for whoever reads pages.

Place in the flow: the outermost middleware; whatever is raised inside becomes an answer that
says what, where and the fix, and never what the program looks like inside.
"""

import json
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler
from aiohttp_jinja2 import render_template

from processor import log
from processor.errors import Refused, Retryable, SluiceError, Suppressed

_PROGRAMS = ("/v1/", "/events", "/hooks/", "/metrics", "/healthz", "/readyz")


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what was raised."""
    try:
        return await handler(request)
    except Refused as refusal:
        return _problem(request, refusal.status, refusal.title, refusal.detail)
    except Suppressed as refusal:
        return _problem(request, HTTPStatus.CONFLICT, "Not in this mode", str(refusal))
    except Retryable as outage:
        answer = _problem(request, HTTPStatus.SERVICE_UNAVAILABLE, "Try again", str(outage))
        answer.headers["Retry-After"] = str(max(1, round(outage.after)))
        return answer
    except SluiceError as failure:
        return _problem(request, HTTPStatus.CONFLICT, "Cannot be done", str(failure))
    except web.HTTPRequestEntityTooLarge:
        return _problem(
            request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Too large", "send at most 1 MiB"
        )
    except web.HTTPException as answer:
        if answer.status < HTTPStatus.BAD_REQUEST:
            raise
        problem = _problem(request, answer.status, answer.reason, f"{request.method} here")
        if "Allow" in answer.headers:
            problem.headers["Allow"] = answer.headers["Allow"]
        return problem
    except Exception:  # noqa: BLE001 - the edge: a bug must not become a traceback in a browser
        log.failed("web.failed", method=request.method, path=request.path)
        return _problem(
            request,
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "Something broke",
            "this is a bug in Sluice; its log says where (web.failed)",
        )


def _problem(request: web.Request, status: int, title: str, detail: str) -> web.Response:
    """Return the problem in the form the asker reads."""
    if _wants_page(request):
        context = {"title": title, "detail": detail, "status": int(status)}
        return render_template("problem.html", request, context, status=int(status))
    body = {"type": "about:blank", "title": title, "status": int(status), "detail": detail}
    answer = web.Response(
        text=json.dumps(body), status=int(status), content_type="application/problem+json"
    )
    if status == HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _wants_page(request: web.Request) -> bool:
    return not request.path.startswith(_PROGRAMS) and "text/html" in request.headers.get(
        "Accept", ""
    )
