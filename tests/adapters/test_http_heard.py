"""Every request's time is told, also of one that failed, and counts for the look that asked."""

import asyncio

import pytest
from aiohttp import web

from processor.adapters.http import Http
from processor.errors import Unavailable
from processor.rules.pace import Rhythm
from processor.sources.pace import Courses, asked
from processor.testing.clock import JumpingClock


async def _served(status: int) -> tuple[web.AppRunner, str]:
    async def answer(_: web.Request) -> web.Response:
        await asyncio.sleep(0.02)
        return web.json_response({}, status=status)

    app = web.Application()
    app.router.add_get("/it", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


@pytest.mark.parametrize(("status", "requests"), [(200, 1), (404, 1), (500, 3)])
async def test_a_request_counts_for_the_look_that_asked(status: int, requests: int) -> None:
    runner, url = await _served(status)
    courses = Courses(clock=JumpingClock())
    ours, other = (courses.of(name, Rhythm(2.0)) for name in ("ours", "other"))

    async def look() -> None:
        ours.begins()
        problem = ""
        async with Http(product="registry", base_url=url, heard=asked, pause=0.01) as http:
            try:
                await asyncio.gather(http.get("it"))
            except Unavailable as outage:
                problem = str(outage)
        ours.ends(problem)

    async def elsewhere() -> None:
        other.begins()
        other.ends()

    try:
        await asyncio.gather(asyncio.create_task(look()), asyncio.create_task(elsewhere()))
    finally:
        await runner.cleanup()
    states = courses.states()
    assert states["ours"].requests == requests
    assert states["ours"].seconds >= 0.02 * requests
    assert bool(states["ours"].problem) == (status == 500)
    assert (states["other"].requests, states["other"].seconds) == (0, 0.0)


async def test_nobody_needs_to_listen() -> None:
    runner, url = await _served(200)
    async with Http(product="registry", base_url=url) as http:
        assert (await http.get("it")).status == 200
    await runner.cleanup()
    asked(1.0)  # outside of every look: it belongs to none
    assert Courses(clock=JumpingClock()).states() == {}
