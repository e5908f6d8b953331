"""From a training run to what a verdict keeps of it.

Place in the flow: `evaluate` uses it; `why` answers accuracy, time and data from the result.
`start_gates` shows a gate's program the same run as JSON.
"""

import json
from collections.abc import Mapping

from processor.policy.policy import Policy
from processor.values.evaluation import GateResult, Training
from processor.values.principal import UNKNOWN, claimed
from processor.values.record import VersionRecord
from processor.values.registry import Run
from processor.values.version import Version

_GATE = "training run FINISHED and not deleted"


def broken_run(run: Run | None) -> GateResult | None:
    """Return the failure of a run that cannot vouch for a model, None when it can."""
    if run is None:
        return GateResult(
            _GATE, "run", "failed", "the version has no training run, so nothing can be judged"
        )
    if run.deleted:
        return GateResult(_GATE, "run", "failed", f"training run {run.run_id} was deleted")
    if run.status != "FINISHED":
        return GateResult(
            _GATE, "run", "failed", f"training run {run.run_id} ended {run.status}, not FINISHED"
        )
    return None


def training_of(run_id: str, run: Run | None, policy: Policy) -> Training:
    """Return where the version came from; the metrics are those the policy names, then others."""
    if run is None:
        return Training(run_id, None, UNKNOWN, (), ())
    named = [gate.metric for gate in policy.metrics]
    names = [*dict.fromkeys(name for name in named if name in run.metrics)]
    names += sorted(name for name in run.metrics if name not in names)
    return Training(
        run_id=run.run_id,
        trained_at=run.ended,
        trainer=claimed(run.user),
        metrics=tuple((name, run.metrics[name]) for name in names),
        datasets=run.datasets,
    )


def shown(
    gate: str,
    record: VersionRecord,
    run: Run | None,
    champion: Version | None,
    champion_metrics: Mapping[str, str] | None,
) -> str:
    """Return the JSON a gate's program reads: no address and no credential of ours is in it.

    Metrics are the text that was logged, so nothing is rounded on the way.
    """
    served = None
    if champion is not None:
        served = {"version": _named(champion), "metrics": dict(champion_metrics or {})}
    trained = None
    if run is not None:
        trained = {
            "run_id": run.run_id,
            "status": run.status,
            "ended": run.ended.isoformat() if run.ended else None,
            "metrics": dict(run.metrics),
            "params": dict(run.params),
            "tags": dict(run.tags),
            "datasets": [
                {"name": one.name, "digest": one.digest, "context": one.context}
                for one in run.datasets
            ],
        }
    evidence = {
        "gate": gate,
        "version": _named(record.version),
        "artifact": record.source,
        "run": trained,
        "serving": served,
    }
    return json.dumps(evidence, ensure_ascii=False, sort_keys=True)


def _named(version: Version) -> dict[str, str | int]:
    return {
        "registry": version.registry,
        "workspace": version.workspace,
        "model": version.model,
        "number": version.number,
        "created_ms": version.created_ms,
    }
