"""The operator's wishes: pause, resume, hold, release, and rows of work that died.

Place in the flow: wishes call `commands/` with the caller's name and their Idempotency-Key, as
in `promotions_api`; the list asks `views/`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from processor.commands.switches import Switches
from processor.errors import Refused
from processor.values.pause import EVERYTHING
from processor.views.as_of import moment
from processor.views.knowledge import Knowledge
from processor.views.subject import subject_of
from processor.views.work_rows import work_rows
from processor.web.answers import answer
from processor.web.bodies import fields
from processor.web.signin import SignIn


@dataclass(frozen=True, kw_only=True)
class SwitchesApi:
    """What stops, holds and repairs."""

    known: Knowledge
    switches: Switches
    sign_in: SignIn

    def routes(self) -> Sequence[web.RouteDef]:
        """Return where it answers."""
        target = "/v1/models/{model}/targets/{target}"
        return [
            web.post("/v1/pause", self.pause),
            web.post("/v1/resume", self.resume),
            web.post(f"{target}/hold", self.hold),
            web.post(f"{target}/release", self.release),
            web.get("/v1/work", self.rows),
            web.post("/v1/work/{id}/retry", self.retry),
            web.post("/v1/work/{id}/drop", self.drop),
        ]

    async def pause(self, request: web.Request) -> web.Response:
        """Stop writes: `{"reason", "model", "workspace"}`; without a model, all of them."""
        who = self.sign_in.caller(request)
        body = await fields(request, "reason", "model", "workspace")
        key = await self._model_key(body["model"], body["workspace"])
        return answer(await self.switches.pause(who, key, body["reason"], _key(request)))

    async def resume(self, request: web.Request) -> web.Response:
        """Let writes go on: `{"reason", "model", "workspace"}`."""
        who = self.sign_in.caller(request)
        body = await fields(request, "reason", "model", "workspace")
        key = await self._model_key(body["model"], body["workspace"])
        return answer(await self.switches.resume(who, key, body["reason"], _key(request)))

    async def hold(self, request: web.Request) -> web.Response:
        """Hold a target: `{"reason", "until"}`, a moment in ISO 8601; `?workspace=`."""
        who = self.sign_in.caller(request)
        body = await fields(request, "reason", "until")
        granted = await self.switches.hold(
            who,
            await self._named(request),
            request.match_info["target"],
            body["reason"],
            _key(request),
            until=moment(body["until"]) if body["until"] else None,
        )
        return answer(granted)

    async def release(self, request: web.Request) -> web.Response:
        """Release a target: `{"reason"}`; `?workspace=`."""
        who = self.sign_in.caller(request)
        body = await fields(request, "reason")
        granted = await self.switches.release(
            who,
            await self._named(request),
            request.match_info["target"],
            body["reason"],
            _key(request),
        )
        return answer(granted)

    async def rows(self, request: web.Request) -> web.Response:
        """Return rows of work in a state, the newest first. `?state=` (dead)."""
        return answer({"rows": await work_rows(self.known, request.query.get("state") or "dead")})

    async def retry(self, request: web.Request) -> web.Response:
        """Put a dead row back: `{"reason"}`."""
        who = self.sign_in.caller(request)
        body = await fields(request, "reason")
        row = row_number(request.match_info["id"])
        return answer(await self.switches.retry(who, row, body["reason"], _key(request)))

    async def drop(self, request: web.Request) -> web.Response:
        """Lay a dead row aside: `{"reason"}`."""
        who = self.sign_in.caller(request)
        body = await fields(request, "reason")
        row = row_number(request.match_info["id"])
        return answer(await self.switches.drop(who, row, body["reason"], _key(request)))

    async def _named(self, request: web.Request) -> str:
        """Return the key of the model in the path."""
        return await self._model_key(
            request.match_info["model"], request.query.get("workspace") or ""
        )

    async def _model_key(self, model: str, workspace: str) -> str:
        """Return a model's key, EVERYTHING for no model. Raises Refused 404, 409."""
        if not model:
            return EVERYTHING
        return (await subject_of(self.known, model, workspace or None)).key


def row_number(text: str) -> int:
    """Return the number of a row of work. Raises Refused 404 for what is none."""
    if not text.isascii() or not text.isdecimal() or len(text) > 18:  # noqa: PLR2004 - fits SQLite
        raise Refused("No such row", f"{text!r} is not a row's number", status=HTTPStatus.NOT_FOUND)
    return int(text)


def _key(request: web.Request) -> str:
    return request.headers.get("Idempotency-Key", "")
