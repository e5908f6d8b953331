"""Fixtures every test folder may use, and the drills' table at the end."""

import pytest

from tests.parts.mlflow import mlflow_on_postgres, mlflow_server, old_mlflow_server
from tests.parts.postgres import postgres
from tests.report import table

__all__ = ["mlflow_on_postgres", "mlflow_server", "old_mlflow_server", "postgres"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the drills showed."""
    if lines := table():
        terminalreporter.section("drills: ours beside a control with a guard off")
        for line in lines:
            terminalreporter.write_line(line)
