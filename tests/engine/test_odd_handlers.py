"""Whatever a handler does, its row says what is wrong and how to mend it, and the rest goes on."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from processor.adapters.ledgers import schema
from processor.events import EvaluationRequested, Event, VersionRegistered
from processor.values.about import About
from tests.engine.rig import route, running
from tests.make import a_version, registered


def asked(event: VersionRegistered) -> EvaluationRequested:
    head = event.leads_to(EvaluationRequested, About.of(event.version))
    return EvaluationRequested(head=head, version=event.version)


async def fine(_: VersionRegistered) -> Sequence[Event]:
    return []


async def nothing(_: VersionRegistered) -> Any:
    return None


async def one_event(event: VersionRegistered) -> Any:
    return asked(event)


async def generator(event: VersionRegistered) -> Any:
    def said() -> Iterator[Event]:
        yield asked(event)

    return said()


async def async_generator(event: VersionRegistered) -> AsyncIterator[Event]:
    yield asked(event)


def no_coroutine(_: VersionRegistered) -> Any:
    return []


async def junk(event: VersionRegistered) -> Any:
    return [asked(event), "and so on"]


async def text(_: VersionRegistered) -> Any:
    return "done"


async def memory(_: VersionRegistered) -> Any:
    raise MemoryError


async def leaves(_: VersionRegistered) -> Any:
    sys.exit(3)


async def cancels(_: VersionRegistered) -> Any:
    raise asyncio.CancelledError


async def own_timeout(_: VersionRegistered) -> Any:
    raise TimeoutError("the socket's")


async def endless(_: VersionRegistered) -> Any:
    await asyncio.Event().wait()


class Deep(BaseException):
    pass


async def deep(_: VersionRegistered) -> Any:
    raise Deep("not even an Exception")


ODD = {
    "returned None: a handler returns a list of events": nothing,
    "returned a single evaluation.requested": one_event,
    "returned a generator": generator,
    "returned a str": text,
    "returned something that is not an event (a str) among 2": junk,
    "async_generator": async_generator,
    "can't be used in 'await' expression": no_coroutine,
    "raised MemoryError": memory,
    "tried to end the process: SystemExit(3)": leaves,
    "tried to end the process: Deep('not even an Exception')": deep,
    "was cancelled from inside": cancels,
    "raised TimeoutError: the socket's": own_timeout,
    "took longer than 0.05 s: handler odd hangs": endless,
}


@pytest.mark.parametrize("words", ODD)
async def test_an_odd_handler_is_named_and_nobody_else_notices(tmp_path: Path, words: str) -> None:
    routes = [route("odd", ODD[words], limit=0.05), route("fine", fine)]
    async with running(tmp_path, routes) as rig:
        models = ("a", "b", "c")
        await rig.ledger.log.append([registered(a_version(model=model)) for model in models])

        async def answered() -> bool:
            return len((await rig.rows("done")).get("fine", [])) == len(models)

        async def named() -> bool:
            stuck = [
                row
                for state in ("ready", "dead")
                for row in (await rig.rows(state)).get("odd", [])
                if words in row.error
            ]
            return len(stuck) == len(models)

        await rig.until(answered)
        await rig.until(named)
        if "returned" in words:
            told = await rig.died()
            assert [words in one.reason for one in told] == [True] * len(models)


async def test_a_bug_that_stays_is_dead_after_six_tries_and_says_what_to_do(tmp_path: Path) -> None:
    async with running(tmp_path, [route("odd", memory)]) as rig:
        await rig.ledger.log.append([registered(a_version())])
        await rig.state_is(dead=1)
        [row] = (await rig.rows("dead"))["odd"]
        [told] = await rig.died()
        assert told.reason == row.error
        assert told.reason == (
            "6 tries failed, the last with: handler odd raised MemoryError; once that is mended, "
            "`sluice dead retry 1`; or `sluice dead drop 1` lays it aside"
        )


async def test_an_event_no_program_can_read_is_told_as_dead(tmp_path: Path) -> None:
    async with running(tmp_path, [route("fine", fine)]) as rig:
        damaged = schema.event.update().values(data='{"x": 1}')

        def unreadable(connection: Any) -> None:
            connection.execute(damaged)

        append = asyncio.create_task(rig.ledger.log.append([registered(a_version())]))
        await asyncio.sleep(0)  # handed over; damaged in the same commit, before it is placed
        await rig.ledger.database.write(unreadable)
        await append
        await rig.state_is(dead=1)
        [told] = await rig.died()
        assert (told.handler, "cannot be read" in told.reason) == ("dispatch", True)
        await rig.ledger.log.append([registered(a_version("2"))])
        await rig.state_is(dead=1, done=1)


async def test_a_route_that_cannot_plan_an_event_stops_no_other(tmp_path: Path) -> None:
    def lane(event: VersionRegistered) -> str:
        if event.version.number == "1":
            raise KeyError("slot")
        return "lane"

    async with running(tmp_path, [route("fine", fine, lane=lane)]) as rig:
        await rig.ledger.log.append([registered(a_version(number)) for number in ("1", "2")])
        await rig.state_is(dead=1, done=1)
        [told] = await rig.died()
        assert "cannot be planned: KeyError: 'slot'" in told.reason
