"""From a training run to what a verdict keeps of it.

Place in the flow: `evaluate` uses it; `why` answers accuracy, time and data from the result.
"""

from processor.policy.policy import Policy
from processor.values.evaluation import GateResult, Training
from processor.values.principal import UNKNOWN, claimed
from processor.values.registry import Run

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
