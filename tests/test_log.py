"""Logs: readable or JSON, and never a secret of a frame."""

import json
from collections.abc import Iterator

import pytest
import structlog

from processor import log


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
