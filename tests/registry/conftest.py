"""The servers of the tables' tests with their doors; a scenario is played once and judged often."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import pytest

from tests.parts.mlflow import MlflowServer
from tests.registry.doors import Database, DoorName, Rest, beside
from tests.registry.operations import Operation
from tests.registry.scenario import Played, Scenario, When, play

SERVERS = {
    "SQLite": "mlflow_server",
    "PostgreSQL": "mlflow_on_postgres",
    "MLflow 2.11.3": "old_mlflow_server",
}


@pytest.fixture(scope="session")
def played(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Played]:
    """Play a scenario unless it was; return what was told."""
    folder = tmp_path_factory.mktemp("registry")
    done: dict[str, Scenario] = {}
    clients: dict[str, Database] = {}
    with ExitStack() as open_doors:

        def get(on: str, when: When, door: DoorName, rows: Sequence[Operation]) -> Scenario:
            name = f"{on} {when} {door} {len(rows)}".replace(" ", "-").lower()
            if name not in done:
                server: MlflowServer = request.getfixturevalue(SERVERS[on])
                if door == "database" and on not in clients:
                    client = beside(server, folder / f"{on}.log")
                    clients[on] = open_doors.enter_context(client)
                through = Rest(server) if door == "REST" else clients[on]
                ledger = folder / f"{name}.db"
                done[name] = asyncio.run(play(server, through, when, rows, ledger))
            return done[name]

        yield get
