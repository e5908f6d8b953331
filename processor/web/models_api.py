"""`/v1/models/...`, `/v1/status` and `/v1/board`: questions, answered from `views/`.

Place in the flow: each handler reads its parameters and asks one question. A model's name is one
percent-encoded path segment, slashes in it included.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from aiohttp import web

from processor.views.active import active
from processor.views.as_of import moment
from processor.views.board import board
from processor.views.history import history
from processor.views.knowledge import Knowledge
from processor.views.status import status
from processor.views.versions import versions
from processor.views.why import why
from processor.views.why_not import why_not
from processor.web.answers import answer, tagged


@dataclass(frozen=True, kw_only=True)
class ModelsApi:
    """Questions about models."""

    known: Knowledge

    def routes(self) -> Sequence[web.RouteDef]:
        """Return where it answers."""
        model = "/v1/models/{model}"
        return [
            web.get("/v1/status", self.status),
            web.get("/v1/board", self.board),
            web.get(f"{model}/why", self.why),
            web.get(f"{model}/why-not", self.why_not),
            web.get(f"{model}/versions", self.versions),
            web.get(f"{model}/active", self.active),
            web.get(f"{model}/history", self.history),
        ]

    async def status(self, _: web.Request) -> web.Response:
        """How does the program stand?"""
        return answer(await status(self.known))

    async def board(self, _: web.Request) -> web.Response:
        """Where does every model stand?"""
        return answer({"models": await board(self.known)})

    async def why(self, request: web.Request) -> web.Response:
        """Why does it serve? `?target=&workspace=&at=`."""
        return answer(
            await why(
                self.known,
                request.match_info["model"],
                target=_given(request, "target"),
                workspace=_given(request, "workspace"),
                at=_at(request),
            )
        )

    async def why_not(self, request: web.Request) -> web.Response:
        """Why does it not serve? `?version=&target=&workspace=`."""
        return answer(
            await why_not(
                self.known,
                request.match_info["model"],
                _given(request, "version"),
                target=_given(request, "target"),
                workspace=_given(request, "workspace"),
            )
        )

    async def versions(self, request: web.Request) -> web.Response:
        """Which versions are there? `?workspace=`."""
        found = await versions(
            self.known, request.match_info["model"], _given(request, "workspace")
        )
        return answer({"model": request.match_info["model"], "versions": found})

    async def active(self, request: web.Request) -> web.Response:
        """Return what serves right now. `?target=&workspace=`; the ETag leaves staleness out."""
        found = await active(
            self.known,
            request.match_info["model"],
            _given(request, "target"),
            _given(request, "workspace"),
        )
        return tagged(request, found, replace(found, stale_seconds=None))

    async def history(self, request: web.Request) -> web.Response:
        """Return what happened. `?workspace=&at=`."""
        found = await history(
            self.known, request.match_info["model"], _given(request, "workspace"), _at(request)
        )
        return answer({"model": request.match_info["model"], "events": found})


def _given(request: web.Request, name: str) -> str | None:
    return request.query.get(name) or None


def _at(request: web.Request) -> datetime | None:
    text = _given(request, "at")
    return moment(text) if text else None
