"""What acts on a registry beside us: one voice in memory, one over MLflow's REST interface."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from processor.ports.reading.registry import RegistryReader
from processor.ports.writing.registry import RegistryWriter
from processor.testing.clock import JumpingClock
from processor.testing.registry import MemoryRegistry
from processor.values.registry import Dataset
from tests.parts.mlflow import MlflowServer

WS = "default"


class Registry(RegistryReader, RegistryWriter, Protocol):
    """Both halves."""


class Pipeline(Protocol):
    """What acts on the registry beside us."""

    registry: Registry

    def run(
        self, metrics: Mapping[str, str], datasets: tuple[Dataset, ...], *, finished: bool = True
    ) -> str: ...
    def run_with_model(self) -> str: ...
    def register(self, model: str, run_id: str) -> str: ...
    def put_stage(
        self, model: str, number: str, stage: str, *, archive_existing: bool = False
    ) -> None: ...
    def put_alias(self, model: str, alias: str, number: str) -> None: ...
    def describe_version(self, model: str, number: str, text: str) -> None: ...
    def put_tag(self, model: str, number: str, key: str, value: str) -> None: ...
    def drop_tag(self, model: str, number: str, key: str) -> None: ...
    def delete_version(self, model: str, number: str) -> None: ...
    def create_model(self, model: str) -> None: ...
    def rename_model(self, model: str, new: str) -> None: ...
    def describe_model(self, model: str, text: str) -> None: ...
    def put_model_tag(self, model: str, key: str, value: str) -> None: ...
    def drop_model_tag(self, model: str, key: str) -> None: ...
    def delete_model(self, model: str) -> None: ...


PARAMS = {"depth": "3", "learning rate": "0.10"}


class MemoryPipeline:
    def __init__(self) -> None:
        self.memory = MemoryRegistry(registry_id="main", clock=JumpingClock())
        self.registry: Registry = self.memory

    def run(
        self, metrics: Mapping[str, str], datasets: tuple[Dataset, ...], *, finished: bool = True
    ) -> str:
        run_id = uuid.uuid4().hex
        if finished:
            self.memory.finish_run(
                WS,
                run_id,
                metrics=dict(metrics),
                datasets=datasets,
                params=dict(PARAMS),
                tags={"data.cutoff": "2026-01-01"},
            )
        else:
            self.memory.start_run(WS, run_id)
        return run_id

    def run_with_model(self) -> str:
        return self.run({}, ())

    def register(self, model: str, run_id: str) -> str:
        return self.memory.register(WS, model, run_id).version.number

    def put_stage(
        self, model: str, number: str, stage: str, *, archive_existing: bool = False
    ) -> None:
        self.memory.put_stage(WS, model, number, stage, archive_existing=archive_existing)

    def put_alias(self, model: str, alias: str, number: str) -> None:
        self.memory.put_alias(WS, model, alias, number)

    def describe_version(self, model: str, number: str, text: str) -> None:
        self.memory.describe_version(WS, model, number, text)

    def put_tag(self, model: str, number: str, key: str, value: str) -> None:
        self.memory.put_tag(WS, model, number, key, value)

    def drop_tag(self, model: str, number: str, key: str) -> None:
        self.memory.drop_tag(WS, model, number, key)

    def create_model(self, model: str) -> None:
        self.memory.create_model(WS, model)

    def rename_model(self, model: str, new: str) -> None:
        self.memory.rename_model(WS, model, new)

    def describe_model(self, model: str, text: str) -> None:
        self.memory.describe_model(WS, model, text)

    def put_model_tag(self, model: str, key: str, value: str) -> None:
        self.memory.put_model_tag(WS, model, key, value)

    def drop_model_tag(self, model: str, key: str) -> None:
        self.memory.drop_model_tag(WS, model, key)

    def delete_version(self, model: str, number: str) -> None:
        self.memory.delete_version(WS, model, number)

    def delete_model(self, model: str) -> None:
        self.memory.delete_model(WS, model)


@dataclass
class RealPipeline:
    server: MlflowServer
    model_run: str
    registry: Registry

    def run(
        self, metrics: Mapping[str, str], datasets: tuple[Dataset, ...], *, finished: bool = True
    ) -> str:
        made = self.server.call(
            "POST",
            "runs/create",
            {
                "experiment_id": "0",
                "tags": [
                    {"key": "mlflow.user", "value": "ana"},
                    {"key": "data.cutoff", "value": "2026-01-01"},
                ],
            },
        )
        run_id: str = made["run"]["info"]["run_id"]
        for name, value in PARAMS.items():
            self.server.call(
                "POST", "runs/log-parameter", {"run_id": run_id, "key": name, "value": value}
            )
        now = round(time.time() * 1000)
        for name, value in metrics.items():
            number = value if value == "NaN" else float(value)
            body = {"run_id": run_id, "key": name, "value": number, "timestamp": now, "step": 0}
            self.server.call("POST", "runs/log-metric", body)
        inputs = [
            {
                "dataset": {
                    "name": one.name,
                    "digest": one.digest,
                    "source_type": "s3",
                    "source": "{}",
                },
                "tags": [{"key": "mlflow.data.context", "value": one.context}]
                if one.context
                else [],
            }
            for one in datasets
        ]
        if inputs:
            self.server.call("POST", "runs/log-inputs", {"run_id": run_id, "datasets": inputs})
        if finished:
            body = {"run_id": run_id, "status": "FINISHED", "end_time": now}
            self.server.call("POST", "runs/update", body)
        return run_id

    def run_with_model(self) -> str:
        return self.model_run

    def register(self, model: str, run_id: str) -> str:
        try:
            self.server.call("POST", "registered-models/create", {"name": model})
        except AssertionError as error:
            if "RESOURCE_ALREADY_EXISTS" not in str(error):
                raise
        body = {"name": model, "source": f"s3://models/{run_id}/model", "run_id": run_id}
        made = self.server.call("POST", "model-versions/create", body)
        return str(made["model_version"]["version"])

    def put_stage(
        self, model: str, number: str, stage: str, *, archive_existing: bool = False
    ) -> None:
        body = {"name": model, "version": number, "stage": stage}
        extra = {"archive_existing_versions": True} if archive_existing else {}
        self.server.call("POST", "model-versions/transition-stage", {**body, **extra})

    def put_alias(self, model: str, alias: str, number: str) -> None:
        body = {"name": model, "alias": alias, "version": number}
        if number:
            self.server.call("POST", "registered-models/alias", body)
        else:
            self.server.call("DELETE", "registered-models/alias", {"name": model, "alias": alias})

    def describe_version(self, model: str, number: str, text: str) -> None:
        body = {"name": model, "version": number, "description": text}
        self.server.call("PATCH", "model-versions/update", body)

    def put_tag(self, model: str, number: str, key: str, value: str) -> None:
        body = {"name": model, "version": number, "key": key, "value": value}
        self.server.call("POST", "model-versions/set-tag", body)

    def drop_tag(self, model: str, number: str, key: str) -> None:
        body = {"name": model, "version": number, "key": key}
        self.server.call("DELETE", "model-versions/delete-tag", body)

    def create_model(self, model: str) -> None:
        self.server.call("POST", "registered-models/create", {"name": model})

    def rename_model(self, model: str, new: str) -> None:
        self.server.call("POST", "registered-models/rename", {"name": model, "new_name": new})

    def describe_model(self, model: str, text: str) -> None:
        body = {"name": model, "description": text}
        self.server.call("PATCH", "registered-models/update", body)

    def put_model_tag(self, model: str, key: str, value: str) -> None:
        body = {"name": model, "key": key, "value": value}
        self.server.call("POST", "registered-models/set-tag", body)

    def drop_model_tag(self, model: str, key: str) -> None:
        self.server.call("DELETE", "registered-models/delete-tag", {"name": model, "key": key})

    def delete_version(self, model: str, number: str) -> None:
        body = {"name": model, "version": number}
        self.server.call("DELETE", "model-versions/delete", body)

    def delete_model(self, model: str) -> None:
        self.server.call("DELETE", "registered-models/delete", {"name": model})
