"""The parts themselves: each is what it says it is."""

import contextlib
from pathlib import Path

import pytest

from tests.parts import old_mlflow
from tests.parts.mlflow import MlflowServer
from tests.parts.postgres import Postgres


@pytest.mark.real
def test_postgres_writes_as_in_production_and_is_not_root(postgres: Postgres) -> None:
    said = {}
    with contextlib.closing(postgres.connect()) as session, session.cursor() as cursor:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            cursor.execute(f"SHOW {name}")
            said[name] = cursor.fetchone()[0]
    assert set(said.values()) == {"on"}
    assert Path(f"/proc/{postgres.pid}").stat().st_uid != 0


@pytest.mark.real
def test_every_mlflow_runs_on_the_database_it_says(
    mlflow_server: MlflowServer,
    mlflow_on_postgres: MlflowServer,
    old_mlflow_server: MlflowServer,
    postgres: Postgres,
) -> None:
    assert mlflow_server.version == mlflow_on_postgres.version != old_mlflow.VERSION
    assert old_mlflow_server.version == old_mlflow.VERSION
    assert mlflow_server.database.startswith("sqlite:///")
    mlflow_on_postgres.call("POST", "registered-models/create", {"name": "made by REST"})
    name = mlflow_on_postgres.database.rpartition("/")[2]
    with contextlib.closing(postgres.connect(name)) as session, session.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM registered_models WHERE name = 'made by REST'")
        assert cursor.fetchone() == (1,)


def test_another_recipe_is_another_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    here = old_mlflow.folder()
    changed = tmp_path_factory.mktemp("recipe") / "lock"
    changed.write_text(f"{old_mlflow.LOCK.read_text()}\n# changed\n")
    monkeypatch.setattr(old_mlflow, "LOCK", changed)
    assert old_mlflow.folder() != here
    assert old_mlflow.interpreter() is None
