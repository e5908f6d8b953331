"""A server on a loopback port that answers what a test says, and keeps what it was asked."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def plain(
    status: int, body: str, *, kind: str = "text/plain", headers: Mapping[str, str] | None = None
) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body, content_type=kind, headers=headers)

    return answer


def json_of(status: int, body: str, *, headers: Mapping[str, str] | None = None) -> Answer:
    return plain(status, body, kind="application/json", headers=headers)


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Served:
    """Where it listens and what it was asked; the last answer is given for ever."""

    answers: list[Answer]
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        self.asked.append(
            Asked(request.method, path, query, request.headers.copy(), await request.read())
        )
        chosen = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await chosen(request)


@asynccontextmanager
async def answering(*answers: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Served]:
    served = Served(list(answers))
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", served.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    port = runner.addresses[0][1]
    served.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        yield served
    finally:
        await runner.cleanup()
