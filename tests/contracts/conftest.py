"""Registries in memory and for real, for the suites both must pass."""

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from processor.adapters.http import Http
from processor.adapters.registries.mlflow import MlflowRegistry
from tests.contracts.registries import MemoryPipeline, Pipeline, RealPipeline
from tests.parts.mlflow import MlflowServer


@pytest.fixture(scope="session")
def model_run(mlflow_server: MlflowServer) -> str:
    return mlflow_server.log_model()


@pytest.fixture
async def mlflow(mlflow_server: MlflowServer) -> AsyncIterator[MlflowRegistry]:
    async with Http(product="registry", base_url=mlflow_server.url) as http:
        roots = {"mlflow-artifacts:/": f"file://{mlflow_server.artifacts}/"}
        yield MlflowRegistry(registry_id="main", http=http, artifact_roots=roots)


@pytest.fixture(params=["memory", pytest.param("real", marks=pytest.mark.real)])
def pipeline(request: pytest.FixtureRequest) -> Iterator[Pipeline]:
    if request.param == "memory":
        yield MemoryPipeline()
    else:
        server = request.getfixturevalue("mlflow_server")
        registry = request.getfixturevalue("mlflow")
        yield RealPipeline(server, request.getfixturevalue("model_run"), registry)


@pytest.fixture
def model() -> str:
    return f"fraud-{uuid.uuid4().hex[:8]}"
