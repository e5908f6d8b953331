"""What answers predictions, as observed.

Place in the flow: `ports/reading/cluster` returns `Observation`s, `sources/rollouts` judges them,
`rules/history/servings` folds the `Serving` of each slot.
"""

from dataclasses import dataclass
from datetime import datetime

from processor.values.slot import Slot
from processor.values.version import Version


@dataclass(frozen=True)
class Workload:
    """The object a target's cluster runs for a slot."""

    cluster: str
    kind: str
    name: str
    namespace: str = "default"


@dataclass(frozen=True)
class Observation:
    """One look at a workload.

    `applied_uri` is what the cluster was told to run, `serving_uri` what answered a real
    prediction just now (None: nothing did), `prediction` that answer, `problem` why not.
    """

    workload: Workload
    applied_uri: str | None
    serving_uri: str | None
    endpoint: str | None = None
    prediction: str | None = None
    problem: str = ""


@dataclass(frozen=True)
class Soak:
    """A target that comes next once the version has served until `due`; None: not any more."""

    target: str
    due: datetime | None


@dataclass(frozen=True)
class Serving:
    """The folded answer to "what serves at this slot"; `version` is None when it is not ours."""

    slot: Slot
    model_key: str
    target: str
    uri: str | None
    version: Version | None
    approved: bool
    promotion_id: str | None
    since: datetime
    observed_at: datetime
    previous: Version | None = None
    endpoint: str | None = None
    prediction: str | None = None
