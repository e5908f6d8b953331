"""Logs: readable or JSON, never a secret of a frame, and never in anybody's way."""

import errno
import io
import json
from collections.abc import Iterator

import pytest
import structlog

from processor import log
from processor.adapters.chat.log import LogNotifier
from processor.errors import Unavailable


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def fail(token: str) -> None:
    password = f"{token}-password"
    raise ValueError(f"no good, {len(password)} characters")


@pytest.mark.parametrize("pretty", [True, False])
def test_a_traceback_shows_where_but_no_value(
    capsys: pytest.CaptureFixture[str], *, pretty: bool
) -> None:
    log.set_up(pretty=pretty)
    try:
        fail(f"hunter{1 + 1}")
    except ValueError:
        log.failed("handler.raised", handler="x")
    told = capsys.readouterr().err
    assert "no good" in told
    assert "test_log.py" in told
    assert "hunter2" not in told
    assert len(told) < 5000
    if not pretty:
        assert json.loads(told)["event"] == "handler.raised"


class Gone(io.StringIO):
    """A stream nobody takes anything from any more: a full disk, or a pipe without a reader."""

    def __init__(self, problem: Exception) -> None:
        super().__init__()
        self.problem = problem

    def write(self, _: str) -> int:
        raise self.problem


PROBLEMS = [
    OSError(errno.ENOSPC, "No space left on device"),
    BrokenPipeError(errno.EPIPE, "Broken pipe"),
    ValueError("I/O operation on closed file."),
]


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("pretty", [True, False])
def test_a_line_that_cannot_be_written_takes_nothing_with_it(
    monkeypatch: pytest.MonkeyPatch, problem: Exception, *, pretty: bool
) -> None:
    monkeypatch.setattr("sys.stderr", Gone(problem))
    log.set_up(pretty=pretty)
    log.say("started", url="x")
    log.warn("relay.waits", reason="x")
    try:
        fail("x")
    except ValueError:
        log.failed("handler.raised", handler="x")
    with pytest.raises(OSError, match=str(problem.args[-1])):
        log.announce("announced", text="x")  # the control: whoever counts on its line hears of it


@pytest.mark.parametrize("problem", PROBLEMS)
async def test_an_announcement_nobody_takes_is_an_outage_of_its_endpoint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], problem: Exception
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("sys.stderr", Gone(problem))
        log.set_up(pretty=False)
        with pytest.raises(Unavailable, match="endpoint log: the log cannot be written: ") as met:
            await LogNotifier().tell("key", "v7 serves")
    assert met.value.product == "endpoint log"
    log.set_up(pretty=False)
    await LogNotifier().tell("key", "v7 serves")
    assert json.loads(capsys.readouterr().err)["text"] == "v7 serves", "and somebody takes it again"
