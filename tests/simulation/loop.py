"""An event loop in virtual time.

Place in the flow: everything in a simulation runs on one of these. When nothing is ready the
clock jumps to the next timer; when there is no timer either, nothing can ever happen again and
the loop says so. There is no selector, no thread and no socket: what waits for one raises.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_STEP = 1e-5  # virtual seconds that one round of ready callbacks takes: a busy loop is then seen


class NotVirtual(RuntimeError):
    """Something wants a real thread or a real file descriptor."""


class NothingCanHappen(RuntimeError):
    """Everybody waits for somebody, and no timer is left."""


class _Jump:
    """What stands in for the selector: it never waits."""

    def __init__(self, loop: "VirtualLoop") -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[object]:
        """Move the clock to the next timer."""
        if timeout is None:
            raise NothingCanHappen(_who_waits(self._loop))
        self._loop.now += timeout if timeout > 0 else _STEP
        if self._loop.between is not None:
            self._loop.between()
        return []

    def close(self) -> None:
        """Hold nothing."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Deterministic: callbacks run in the order they were scheduled, timers in order of time.

    `between` is called between two rounds of callbacks: a crash may come there.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.between: Callable[[], None] | None = None
        self._selector = _Jump(self)
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Return virtual seconds since the loop was made."""
        return self.now

    def _process_events(self, event_list: list[object]) -> None:
        """Have none."""

    def _write_to_self(self) -> NoReturn:
        raise NotVirtual("a thread wants to wake the loop")

    def call_soon_threadsafe(self, callback: object, *_: object, **__: object) -> NoReturn:
        raise NotVirtual(f"a thread calls {callback}")

    def run_in_executor(self, _: object, func: object, *__: object) -> NoReturn:
        raise NotVirtual(f"{func} wants a thread")


def _who_waits(loop: asyncio.AbstractEventLoop) -> str:
    waiting = sorted(str(task.get_coro()) for task in asyncio.all_tasks(loop))
    return "no timer is left and these wait: " + "; ".join(waiting)


def virtually(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


class VirtualClock:
    """A `Clock` over the running loop; `ahead` is how far the machine's clock is off."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        """Return the present moment."""
        return EPOCH + self.ahead + timedelta(seconds=asyncio.get_running_loop().time())

    def steady(self) -> float:
        """Return virtual seconds, however far the clock is off."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
