"""`/v1/promotions` and the wishes: who asks is known by their bearer token.

Place in the flow: reads ask `views/`, wishes call `commands/` with the caller's name and their
Idempotency-Key. Cookies do not count here, so no page elsewhere can wish for anybody.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from processor.values.record import VersionRecord
from processor.views.as_of import moment
from processor.views.knowledge import Knowledge
from processor.views.promotion import promotion
from processor.views.promotions import promotions
from processor.views.subject import subject_of
from processor.web.answers import answer
from processor.web.bodies import fields
from processor.web.signin import SignIn
from processor.web.wishes import Wishes


@dataclass(frozen=True, kw_only=True)
class PromotionsApi:
    """Promotions, and what people want of them."""

    known: Knowledge
    wishes: Wishes
    sign_in: SignIn

    def routes(self) -> Sequence[web.RouteDef]:
        """Return where it answers."""
        one = "/v1/promotions/{promotion}"
        return [
            web.get("/v1/promotions", self.list),
            web.post("/v1/promotions", self.request),
            web.get(one, self.show),
            web.post(f"{one}/approve", self.approve),
            web.post(f"{one}/reject", self.reject),
            web.post("/v1/models/{model}/versions/{number}/evaluate", self.evaluate),
            web.post("/v1/models/{model}/versions/{number}/waive", self.waive),
        ]

    async def list(self, request: web.Request) -> web.Response:
        """Return promotions, the newest first. `?model=&target=&state=`."""
        query = request.query
        found = await promotions(
            self.known,
            model=query.get("model") or None,
            target=query.get("target") or None,
            state=query.get("state") or None,
        )
        return answer({"promotions": found})

    async def show(self, request: web.Request) -> web.Response:
        """Return one promotion with gates, comparison, change and approvals."""
        return answer(await promotion(self.known, request.match_info["promotion"]))

    async def approve(self, request: web.Request) -> web.Response:
        """Say yes to `{"head_sha"}`."""
        who = self.sign_in.caller(request)
        body = await fields(request, "head_sha")
        granted = await self.wishes.approve(
            who, request.match_info["promotion"], body["head_sha"], _key(request)
        )
        return answer(granted)

    async def reject(self, request: web.Request) -> web.Response:
        """Say no, with `{"reason"}`."""
        who = self.sign_in.caller(request)
        body = await fields(request, "reason")
        granted = await self.wishes.reject(
            who, request.match_info["promotion"], body["reason"], _key(request)
        )
        return answer(granted)

    async def request(self, request: web.Request) -> web.Response:
        """Ask for a promotion: `{"model", "version", "target", "reason", "workspace"}`."""
        who = self.sign_in.caller(request)
        body = await fields(request, "model", "version", "target", "reason", "workspace")
        subject = await subject_of(self.known, body["model"], body["workspace"] or None)
        granted = await self.wishes.request(
            who,
            subject.version(body["version"]),
            body["target"] or subject.target().name,
            body["reason"],
            _key(request),
        )
        return answer(granted, HTTPStatus.ACCEPTED)

    async def evaluate(self, request: web.Request) -> web.Response:
        """Ask for a version to be judged: `{"reason"}`; `?workspace=`."""
        who = self.sign_in.caller(request)
        body = await fields(request, "reason")
        record = await self._version(request)
        granted = await self.wishes.evaluate(who, record, body["reason"], _key(request))
        return answer(granted, HTTPStatus.ACCEPTED)

    async def waive(self, request: web.Request) -> web.Response:
        """Let a gate pass: `{"gate", "until", "reason"}`, `until` in ISO 8601; `?workspace=`."""
        who = self.sign_in.caller(request)
        body = await fields(request, "gate", "until", "reason")
        record = await self._version(request)
        granted = await self.wishes.waive(
            who, record, body["gate"], moment(body["until"]), body["reason"], _key(request)
        )
        return answer(granted, HTTPStatus.ACCEPTED)

    async def _version(self, request: web.Request) -> VersionRecord:
        """Return the version in the path. Raises Refused 404, 409."""
        workspace = request.query.get("workspace") or None
        subject = await subject_of(self.known, request.match_info["model"], workspace)
        return subject.version(request.match_info["number"])


def _key(request: web.Request) -> str:
    return request.headers.get("Idempotency-Key", "")
