"""The real application over a world in memory, on a real socket."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from aiohttp import ClientSession, CookieJar

from processor.commands.approve import Approve
from processor.commands.evaluate import Evaluate
from processor.commands.reject import Reject
from processor.commands.request import Request
from processor.commands.waive import Waive
from processor.events.mapped import TrainingMap
from processor.telemetry import Metrics
from processor.values.wakeup import Hinted, Wakeup
from processor.web.health import Readiness
from processor.web.hook_secret import HookSecret
from processor.web.hooks import Wakers
from processor.web.server import Site, serving
from processor.web.signin import SignIn
from processor.web.token_file import TokenFile
from processor.web.wishes import Wishes
from tests.views.world import World, switches_in

TOKEN = "pipeline-secret"


@dataclass(frozen=True)
class Running:
    """A site that serves, and who is in it."""

    url: str
    world: World
    http: ClientSession
    readiness: Readiness
    links_file: Path
    token_file: Path
    hook_file: Path
    hooks: "Hooked"

    def link_token(self, person: str) -> str:
        links = json.loads(self.links_file.read_text())
        return str(links[person].partition("token=")[2])

    async def bearer(self, person: str) -> dict[str, str]:
        """Sign a person in as a program does; return the header."""
        answer = await self.http.post(
            f"{self.url}/sign-in", json={"token": self.link_token(person)}
        )
        assert answer.status == 200, await answer.text()
        return {"Authorization": f"Bearer {(await answer.json())['token']}"}

    async def cookie(self, person: str) -> None:
        """Sign a person in as a browser does."""
        answer = await self.http.post(
            f"{self.url}/sign-in", data={"token": self.link_token(person)}, allow_redirects=False
        )
        assert answer.status == 303, await answer.text()


@dataclass
class Hooked:
    """Wakeups that remember, and who was woken."""

    put_there: list[tuple[str, Hinted, str]] = field(default_factory=list)
    woken: list[str] = field(default_factory=list)

    async def put(self, source: str, subject: Hinted, delivery: str, at: datetime) -> bool:
        del at
        known = any(one[2] == delivery for one in self.put_there)
        if not known:
            self.put_there.append((source, subject, delivery))
        return not known

    async def waiting(self, source: str) -> Sequence[Wakeup]:
        raise NotImplementedError(source)

    async def done(self, wakeups: Sequence[Wakeup]) -> None:
        raise NotImplementedError(wakeups)

    @property
    def wakers(self) -> Wakers:
        return Wakers(
            named=lambda: self.woken.append("named"), changes=lambda: self.woken.append("changes")
        )


def wishes_in(world: World) -> Wishes:
    known = world.known
    return Wishes(
        approve=Approve(views=known.views, log=world, policies=known.policies, people=known.people),
        reject=Reject(
            views=known.views,
            proposals=world,  # type: ignore[arg-type]  # of the door only `close` is asked
            policies=known.policies,
            people=known.people,
        ),
        evaluate=Evaluate(log=world, policies=known.policies),
        request=Request(log=world, policies=known.policies, people=known.people),
        waive=Waive(
            views=known.views,
            log=world,
            clock=world.clock,
            policies=known.policies,
            people=known.people,
        ),
        switches=switches_in(world),
    )


@asynccontextmanager
async def running(
    world: World, folder: Path, *, training: TrainingMap | None = None
) -> AsyncIterator[Running]:
    token_file = folder / "events.token"
    token_file.write_text(f"{TOKEN}\n")
    hook_file, hooks = folder / "hook.secret", Hooked()
    readiness = Readiness("ready")
    site = Site(
        known=world.known,
        log=world,
        policies=world.policies,
        wishes=wishes_in(world),
        sign_in=SignIn(
            people=world.known.people.names,
            clock=world.clock,
            links_file=folder / "links.json",
            sessions_file=folder / "sessions.json",
        ),
        events_token=TokenFile(path=token_file),
        hook_secret=HookSecret(path=hook_file, setting="registry.hook_secret_file"),
        wakeups=hooks,
        wakers=hooks.wakers,
        readiness=readiness,
        metrics=Metrics(),
        training=training,
    )
    async with (
        serving(site, host="127.0.0.1", port=0) as url,
        ClientSession(cookie_jar=CookieJar(unsafe=True)) as http,
    ):
        links = folder / "links.json"
        yield Running(url, world, http, readiness, links, token_file, hook_file, hooks)
