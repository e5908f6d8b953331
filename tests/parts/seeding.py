"""A registry of many versions, put straight into the tables of MLflow's PostgreSQL.

Through REST 50,000 versions take a quarter of an hour; copied they take seconds. What the server
then says of some of them is read back, so a schema that has moved on is noticed.
"""

import contextlib
import io
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tests.parts.mlflow import MlflowServer
from tests.parts.postgres import Postgres

_COLUMNS = {
    "registered_models": "name, creation_time, last_updated_time, description, workspace",
    "registered_model_tags": "key, value, name, workspace",
    "registered_model_aliases": "alias, version, name, workspace",
    "model_versions": "name, version, creation_time, last_updated_time, description, user_id, "
    "current_stage, source, run_id, status, status_message, run_link, storage_location, workspace",
    "model_version_tags": "key, value, name, version, workspace",
}
_SPACE = "default"
_APART_MS = 100_000  # between two versions: 50,000 of them took two months
_AGE_MS = 3_600_000  # how long ago the newest was made: none of them is news to the fast tick
_TAGS = ("risk", "team", "note")
_WITHOUT = "\\N"


@dataclass(frozen=True, kw_only=True)
class Size:
    """So many versions, evenly over so many models."""

    versions: int
    models: int

    @property
    def each(self) -> int:
        """Return how many versions a model has."""
        return self.versions // self.models


def name_of(model: int) -> str:
    """Return a model's name."""
    return f"seeded-{model:05d}"


def seed(server: MlflowServer, postgres: Postgres, size: Size) -> None:
    """Fill the server's tables, which must be empty, and read some of it back."""
    began = round(time.time() * 1000) - _AGE_MS - size.versions * _APART_MS
    database = server.database.rpartition("/")[2]
    with contextlib.closing(postgres.connect(database)) as session:
        with session.cursor() as cursor:
            for table, rows in _rows(size, began).items():
                lines = io.StringIO("".join("\t".join(map(str, row)) + "\n" for row in rows))
                cursor.copy_expert(f"COPY {table} ({_COLUMNS[table]}) FROM STDIN", lines)
            cursor.execute("ANALYZE")
        session.commit()
    _read_back(server, size)


def _rows(size: Size, began: int) -> dict[str, Iterable[Sequence[object]]]:
    names = [name_of(model) for model in range(size.models)]
    took = size.each * _APART_MS
    times = {name: (began + n * took, began + (n + 1) * took) for n, name in enumerate(names)}
    return {
        "registered_models": ((one, *times[one], "seeded", _SPACE) for one in names),
        "registered_model_tags": (("team", "a", one, _SPACE) for one in names),
        "registered_model_aliases": (("champion", size.each, one, _SPACE) for one in names),
        "model_versions": _versions(size, names, began),
        "model_version_tags": (
            (key, "as seeded", name, number, _SPACE)
            for name in names
            for number in range(1, size.each + 1)
            for key in _TAGS
        ),
    }


def _versions(size: Size, names: Sequence[str], began: int) -> Iterator[Sequence[object]]:
    at = began
    for name in names:
        for number in range(1, size.each + 1):
            at += _APART_MS
            source = f"s3://models/{name}/{number}/model"
            times = (at, at, "seeded", _WITHOUT, "None", source, f"{at:032x}", "READY")
            yield (name, number, *times, _WITHOUT, _WITHOUT, source, _SPACE)


def _read_back(server: MlflowServer, size: Size) -> None:
    for model in (0, size.models - 1):
        name, number = name_of(model), str(size.each)
        found = server.call("GET", "model-versions/get", None, name=name, version=number)
        version = found["model_version"]
        tags = {one["key"]: one["value"] for one in version["tags"]}
        assert (version["name"], version["version"]) == (name, number), version
        assert tags == dict.fromkeys(_TAGS, "as seeded"), version
        assert version["aliases"] == ["champion"], version
        assert version["source"] == f"s3://models/{name}/{number}/model", version
