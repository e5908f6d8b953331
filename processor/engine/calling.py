"""Call a handler, and answer for whatever it does.

Place in the flow: `engine/turns` calls it. A handler that hangs, returns something else than
events, or raises what is no ordinary failure becomes one that says what is wrong with it.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from processor.engine.breakers import ENDS
from processor.errors import Retryable, Terminal
from processor.events import Event
from processor.ports.route import Route


async def call(route: Route[Any], event: Event) -> Sequence[Event]:
    """Return what the handler says, within its limit.

    Raises what it raises; Retryable when it takes too long or tries to end more than itself,
    Terminal when it does not return events.
    """
    name, limit = route.name, asyncio.timeout(route.limit)
    try:
        async with limit:
            ENDS.set(limit.when())
            said: object = await route.handler(event)
    except TimeoutError:
        if not limit.expired():
            raise
        raise Retryable(
            f"took longer than {route.limit:g} s: handler {name} hangs, or what it waits for does"
        ) from None
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise  # we are being stopped
        raise Retryable(f"handler {name} was cancelled from inside") from None
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as end:  # noqa: BLE001 - SystemExit and the like: not a handler's to raise
        raise Retryable(f"handler {name} tried to end the process: {end!r}") from None
    return _events(name, said)


def _events(name: str, said: object) -> Sequence[Event]:
    """Return what was said if it is a sequence of events. Raises Terminal naming what it is."""
    wrong = ""
    if isinstance(said, Event):
        wrong = f"a single {said.kind}"
    elif isinstance(said, str | bytes) or not isinstance(said, Sequence):
        wrong = "None" if said is None else f"a {type(said).__name__}"
    else:
        junk = [type(one).__name__ for one in said if not isinstance(one, Event)]
        if not junk:
            return said
        wrong = f"something that is not an event (a {junk[0]}) among {len(said)}"
    raise Terminal(
        f"handler {name} returned {wrong}: a handler returns a list of events, [] for nothing to "
        "say; what it did outside stands"
    )
