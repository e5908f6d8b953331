"""The aiohttp application, and serving it.

Place in the flow: `app` builds a `Site` from parts and holds `serving` open for as long as the
process runs; leaving it stops taking requests and lets those under way end.
"""

import errno
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp_jinja2
import jinja2
from aiohttp import web
from aiohttp.typedefs import Handler

from processor.errors import Terminal
from processor.events.mapped import TrainingMap
from processor.policy.policy import Policies
from processor.ports.log import EventLog
from processor.ports.wakeups import Wakeups
from processor.telemetry import Metrics
from processor.views.knowledge import Knowledge
from processor.web.entrance import Entrance
from processor.web.filters import FILTERS
from processor.web.guard import LARGEST, Guard, dress
from processor.web.health import Health, Readiness
from processor.web.hook_secret import HookSecret
from processor.web.hooks import Hooks, Wakers
from processor.web.inbox import Inbox
from processor.web.models_api import ModelsApi
from processor.web.pages import Pages
from processor.web.problems import problems
from processor.web.promotions_api import PromotionsApi
from processor.web.signin import SignIn
from processor.web.switches_api import SwitchesApi
from processor.web.token_file import TokenFile
from processor.web.wishes import Wishes

_HERE = Path(__file__).parent
_DRAIN = 5.0  # seconds for requests under way


@dataclass(frozen=True, kw_only=True)
class Site:
    """What pages, API and inbox need.

    `log` and `policies` are where events go and what says which types are awaited, `wakeups` and
    `wakers` where hooks go; `training` says how plain JSON is read;
    `public_url` is how people reach us when not by loopback.
    """

    known: Knowledge
    log: EventLog
    policies: Policies
    wishes: Wishes
    sign_in: SignIn
    events_token: TokenFile
    hook_secret: HookSecret
    wakeups: Wakeups
    wakers: Wakers
    readiness: Readiness
    metrics: Metrics
    public_url: str | None = None
    training: TrainingMap | None = None


def application(site: Site) -> web.Application:
    """Return the application: middlewares outermost first, then every route."""
    guard = Guard(public_url=site.public_url)

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await guard(request, handler)

    async def count(_: web.Request, answer: web.StreamResponse) -> None:
        site.metrics.answered(answer.status)

    app = web.Application(middlewares=[problems, guarded], client_max_size=LARGEST)
    app.on_response_prepare.append(dress)
    app.on_response_prepare.append(count)
    aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        filters=FILTERS,
    )
    rooms = (
        Health(known=site.known, readiness=site.readiness, metrics=site.metrics),
        _inbox(site),
        _hooks(site),
        ModelsApi(known=site.known),
        PromotionsApi(known=site.known, wishes=site.wishes, sign_in=site.sign_in),
        SwitchesApi(known=site.known, switches=site.wishes.switches, sign_in=site.sign_in),
        Entrance(sign_in=site.sign_in),
        Pages(known=site.known, wishes=site.wishes, sign_in=site.sign_in),
    )
    for room in rooms:
        app.router.add_routes(room.routes())
    app.router.add_static("/static", _HERE / "static")
    return app


def _inbox(site: Site) -> Inbox:
    return Inbox(
        log=site.log,
        policies=site.policies,
        registry=site.known.registry,
        token=site.events_token,
        training=site.training,
    )


def _hooks(site: Site) -> Hooks:
    return Hooks(
        secret=site.hook_secret,
        wakeups=site.wakeups,
        wakers=site.wakers,
        clock=site.known.clock,
    )


def _reason(error: OSError) -> str:
    """Return why an address cannot be had; asyncio's own words repeat the address."""
    known = error.errno in errno.errorcode
    return os.strerror(error.errno).lower() if error.errno and known else str(error)


@asynccontextmanager
async def serving(site: Site, *, host: str, port: int) -> AsyncIterator[str]:
    """Serve until the block ends; yield the URL people use.

    Port 0 takes a free one. Sign-in links are made once the address is known. Raises Terminal
    when the address is taken.
    """
    # bodies stay as they were sent: a compressed one could unfold without end
    runner = web.AppRunner(
        application(site), access_log=None, auto_decompress=False, shutdown_timeout=_DRAIN
    )
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as exc:
            raise Terminal(
                f"cannot listen on {host}:{port}: {_reason(exc)}; "
                "stop what uses it, or set web.listen (--listen)"
            ) from exc
        bound = runner.addresses[0][1]
        shown = f"[{host}]" if ":" in host else host
        url = site.public_url or f"http://{shown}:{bound}"
        site.sign_in.open(url)
        yield url.rstrip("/")
    finally:
        await runner.cleanup()
