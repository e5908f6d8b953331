"""The pages: board, model, promotion.

Place in the flow: each page asks `views/` and shows what they say; its forms call `commands/` as
the person the cookie names. A GET changes nothing.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from aiohttp import web
from aiohttp_jinja2 import render_template

from processor.errors import Refused
from processor.values.version import key_of
from processor.views.board import board
from processor.views.history import history
from processor.views.knowledge import Knowledge
from processor.views.promotion import promotion
from processor.views.status import status
from processor.views.subject import subject_of
from processor.views.switched import switched
from processor.views.versions import versions
from processor.views.why import why
from processor.views.why_not import why_not
from processor.views.work_rows import work_rows
from processor.web.forms import read_form
from processor.web.signin import SignIn
from processor.web.switches_api import row_number
from processor.web.wishes import Wishes


@dataclass(frozen=True, kw_only=True)
class Pages:
    """What people look at."""

    known: Knowledge
    wishes: Wishes
    sign_in: SignIn

    def routes(self) -> Sequence[web.RouteDef]:
        """Return where they are."""
        one = "/promotions/{promotion}"
        return [
            web.get("/", self.board),
            web.get("/models/{model}", self.model),
            web.get(one, self.promotion),
            web.post(f"{one}/approve", self.approve),
            web.post(f"{one}/reject", self.reject),
            web.post("/rows/{id}/retry", self.retry),
            web.post("/rows/{id}/drop", self.drop),
        ]

    async def board(self, request: web.Request) -> web.Response:
        """Every model at every target."""
        context = {
            "rows": await board(self.known),
            "status": await status(self.known),
            "dead": await work_rows(self.known, "dead"),
            "fresh_key": partial(secrets.token_urlsafe, 16),
        }
        return await self._render("board.html", request, context)

    async def model(self, request: web.Request) -> web.Response:
        """One model: the six answers per target, what waits, versions, history."""
        name = request.match_info["model"]
        workspace = request.query.get("workspace") or None
        subject = await subject_of(self.known, name, workspace)
        targets = subject.policy.targets if subject.policy else ()
        context = {
            "model": name,
            "workspace": subject.workspace,
            "answers": [
                await why(self.known, name, target=one.name, workspace=subject.workspace)
                for one in targets
            ],
            "waiting": await why_not(self.known, name, workspace=subject.workspace),
            "versions": await versions(self.known, name, subject.workspace),
            "history": await history(self.known, name, subject.workspace),
            "off_now": await switched(self.known, subject.key),
        }
        return await self._render("model.html", request, context)

    async def promotion(self, request: web.Request) -> web.Response:
        """One promotion, with what a person needs to decide."""
        page = await promotion(self.known, request.match_info["promotion"])
        row = page.promotion
        model_key = key_of(self.known.registry, row.workspace, row.model)
        context = {
            "page": page,
            "idempotency_key": secrets.token_urlsafe(16),
            "off_now": await switched(self.known, model_key),
        }
        return await self._render("promotion.html", request, context)

    async def approve(self, request: web.Request) -> web.Response:
        """Take the yes of the promotion's form."""
        form = await read_form(request)
        who = self.sign_in.visitor(request, form)
        await self.wishes.approve(
            who,
            request.match_info["promotion"],
            form.get("head_sha", ""),
            form.get("idempotency_key", ""),
        )
        return _back(request)

    async def reject(self, request: web.Request) -> web.Response:
        """Take the no of the promotion's form."""
        form = await read_form(request)
        who = self.sign_in.visitor(request, form)
        await self.wishes.reject(
            who,
            request.match_info["promotion"],
            form.get("reason", ""),
            form.get("idempotency_key", ""),
        )
        return _back(request)

    async def retry(self, request: web.Request) -> web.Response:
        """Put a dead row back, as its form on the board asks."""
        form = await read_form(request)
        await self.wishes.switches.retry(
            self.sign_in.visitor(request, form),
            row_number(request.match_info["id"]),
            form.get("reason", ""),
            form.get("idempotency_key", ""),
        )
        return _to("/#dead")

    async def drop(self, request: web.Request) -> web.Response:
        """Lay a dead row aside, as its form on the board asks."""
        form = await read_form(request)
        await self.wishes.switches.drop(
            self.sign_in.visitor(request, form),
            row_number(request.match_info["id"]),
            form.get("reason", ""),
            form.get("idempotency_key", ""),
        )
        return _to("/#dead")

    async def _render(
        self, template: str, request: web.Request, context: Mapping[str, object]
    ) -> web.Response:
        """Show a page; its header says what is paused anywhere."""
        shown = {
            **context,
            "session": self.sign_in.session(request),
            "mode": str(self.known.modes),
            "pauses": (await switched(self.known)).pauses,
        }
        return render_template(template, request, shown)


def _back(request: web.Request) -> web.Response:
    """Return to the promotion, so that a reload sends nothing again."""
    raw = request.rel_url.raw_path.rpartition("/")[0]
    if not raw.startswith("/promotions/"):
        raise Refused("Malformed", "no such page", status=HTTPStatus.BAD_REQUEST)
    return _to(raw)


def _to(place: str) -> web.Response:
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": place})
