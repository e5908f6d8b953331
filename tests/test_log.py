"""Logs: readable or JSON, and never a secret of a frame."""

import json

import pytest

from processor import log


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
