"""The promotion's state machine: one table.

Place in the flow: `rules/history/promotions` folds with it, docs/promotion.md is drawn from it.
A fact that has no row for the present state changes nothing: it came late or twice.
"""

from collections.abc import Mapping
from typing import Final

from processor.values.promotion import State

NEW: Final = "new"

TABLE: Mapping[tuple[str, str], State] = {
    (NEW, "promotion.requested"): "requested",
    ("requested", "promotion.proposed"): "proposed",
    ("requested", "promotion.superseded"): "superseded",
    ("requested", "promotion.withdrawn"): "withdrawn",
    ("requested", "promotion.expired"): "expired",
    ("proposed", "promotion.expired"): "expired",
    ("proposed", "promotion.updated"): "proposed",
    ("proposed", "promotion.approved"): "approved",
    ("proposed", "promotion.bypassed"): "bypassed",
    ("proposed", "promotion.rejected"): "rejected",
    ("proposed", "promotion.withdrawn"): "withdrawn",
    ("proposed", "promotion.superseded"): "superseded",
    ("approved", "rollout.started"): "rolling_out",
    ("approved", "rollout.failed"): "failed",
    ("approved", "rollout.superseded"): "superseded",
    ("approved", "rollout.succeeded"): "serving",
    ("rolling_out", "rollout.succeeded"): "serving",
    ("rolling_out", "rollout.failed"): "failed",
    ("rolling_out", "rollout.superseded"): "superseded",
    ("failed", "rollout.succeeded"): "serving",
    ("failed", "rollout.superseded"): "superseded",
    ("serving", "rollout.regressed"): "failed",
    ("serving", "rollout.superseded"): "superseded",
    ("bypassed", "rollout.superseded"): "superseded",
}

OPEN: frozenset[State] = frozenset({"requested", "proposed"})
"""Nobody has decided yet."""
MERGED: frozenset[State] = frozenset({"approved", "bypassed", "rolling_out", "serving", "failed"})
"""Git names the version; the cluster has it or will."""
ENDED: frozenset[State] = frozenset({"rejected", "withdrawn", "superseded", "expired"})
"""Nothing more will come of it."""


def after(state: State | None, kind: str) -> State | None:
    """Return the state a fact leads to, or None when it changes nothing."""
    return TABLE.get((state or NEW, kind))
