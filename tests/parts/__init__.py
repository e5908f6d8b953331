"""Real parts for tests and benches: started here, stopped here, named when they start.

`make parts` (tests/parts/fetch.py) fetches what the environment does not bring. A part that is
missing skips its tests, naming that command; under CI=true it fails them.
"""

import os
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skip the tests of a part that is not here, or fail them where it has to be."""
    reason = f"{what}: `make parts` fetches it"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def announce(request: pytest.FixtureRequest, what: str) -> None:
    """Say which product was started, in which version, with which process id.

    Fixtures are captured like tests are, so the capture is lifted for the line.
    """
    plugins = request.config.pluginmanager
    reporter, capture = plugins.getplugin("terminalreporter"), plugins.getplugin("capturemanager")
    if reporter is not None and capture is not None:
        with capture.global_and_fixture_disabled():
            reporter.write_line(f"\n{what}")
