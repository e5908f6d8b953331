"""The local cluster: real model servers on this machine, told about by `demo/cluster`.

Place in the flow: `sources/rollouts` looks through it. It believes the controller about what was
applied, and nobody about what serves: a URI serves only when its server answered a prediction.
"""

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from processor.adapters.http import Http
from processor.errors import Unavailable
from processor.values.serving import Observation, Workload

_PREDICTION_TIMEOUT = 5.0  # seconds


@dataclass(frozen=True, kw_only=True)
class LocalCluster:
    """A `ClusterReader`; `name` is the configured one, `http` an open session with its URL."""

    name: str
    http: Http

    async def observe(self, workload: Workload) -> Observation:
        """Look once; `problem` names what keeps it from serving. Raises Unavailable."""
        workloads = (await self._status()).get("workloads")
        key = f"{workload.kind}/{workload.namespace}/{workload.name}"
        told = workloads.get(key) if isinstance(workloads, dict) else None
        if not isinstance(told, dict):
            return Observation(workload, None, None, problem=f"there is no {key} in the cluster")
        endpoint = told.get("endpoint")
        prediction, trouble = None, ""
        if isinstance(endpoint, str):
            prediction, trouble = await self._predict(endpoint, told.get("example"))
        return Observation(
            workload,
            applied_uri=told.get("applied_uri"),
            serving_uri=told.get("serving_uri") if prediction is not None else None,
            endpoint=endpoint,
            prediction=prediction,
            problem=told.get("problem") or trouble,
        )

    async def check(self) -> str:
        """Return what answers, and the commit it follows. Raises Unavailable."""
        status = await self._status()
        revision = str(status.get("revision") or "no commit yet")[:12]
        running = len(status.get("workloads") or ())
        problem = f"; {status['problem']}" if status.get("problem") else ""
        return f"local cluster: {running} workload(s) at {revision}{problem}"

    async def _status(self) -> dict[str, Any]:
        """Return the controller's status. Raises Unavailable."""
        answer = await self.http.get("/status")
        try:
            status = json.loads(answer.body)  # as it came: the example is sent back as it is
        except ValueError:
            status = None
        if answer.status != HTTPStatus.OK or not isinstance(status, dict):
            raise Unavailable(
                f"cluster {self.name}", f"/status answered {answer.status}: {answer.text()}"
            )
        return status

    async def _predict(self, endpoint: str, example: object) -> tuple[str | None, str]:
        """Ask a server for a prediction; return its JSON text, or None and why there is none."""
        product = f"model server {endpoint}"
        try:
            async with Http(
                product=product, base_url=endpoint, timeout=_PREDICTION_TIMEOUT
            ) as server:
                answer = await server.send("POST", "/invocations", body=example)
        except Unavailable as outage:
            return None, str(outage)
        try:
            said = json.loads(answer.body)
        except ValueError:
            said = None
        if (
            answer.status != HTTPStatus.OK
            or not isinstance(said, dict)
            or "predictions" not in said
        ):
            return None, f"{product} answered {answer.status}: {answer.text()}"
        return answer.body.decode(), ""
