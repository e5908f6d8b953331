"""The sign-in page, and signing in and out.

Place in the flow: a link's page changes nothing until its button is pressed, so a chat program
that previews the link does not use it up. Browsers get a cookie, programs (JSON) a bearer token.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web
from aiohttp_jinja2 import render_template

from processor.web.answers import answer
from processor.web.bodies import fields
from processor.web.forms import read_form
from processor.web.signin import LASTS, SignIn


@dataclass(frozen=True, kw_only=True)
class Entrance:
    """Signing in and out."""

    sign_in: SignIn

    def routes(self) -> Sequence[web.RouteDef]:
        """Return where it answers."""
        return [
            web.get("/sign-in", self.page),
            web.post("/sign-in", self.enter),
            web.post("/sign-out", self.leave),
        ]

    async def page(self, request: web.Request) -> web.Response:
        """Show the button; the link is used when it is pressed, not now."""
        context = {
            "token": request.query.get("token", ""),
            "session": self.sign_in.session(request),
        }
        return render_template("sign_in.html", request, context)

    async def enter(self, request: web.Request) -> web.Response:
        """Use a link: JSON `{"token"}` -> `{"person", "token"}`, a form -> a cookie."""
        if request.content_type == "application/json":
            body = await fields(request, "token")
            person, token = self.sign_in.redeem(body["token"], "bearer")
            return answer({"person": person, "token": token})
        form = await read_form(request)
        _, token = self.sign_in.redeem(form.get("token", ""), "cookie")
        response = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": "/"})
        response.set_cookie(
            self.sign_in.cookie,
            token,
            max_age=int(LASTS["cookie"].total_seconds()),
            path="/",
            httponly=True,
            secure=self.sign_in.secure,
            samesite="Strict",
        )
        return response

    async def leave(self, request: web.Request) -> web.Response:
        """End the session."""
        self.sign_in.visitor(request, await read_form(request))
        self.sign_in.forget(request)
        response = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": "/"})
        response.del_cookie(self.sign_in.cookie, path="/")
        return response
