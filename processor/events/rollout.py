"""What the cluster does with what Git says.

Place in the flow: said by `sources/rollouts` alone, for every slot, whether or not we asked.
"""

from typing import ClassVar

from processor.events.event import Event
from processor.values.serving import Soak
from processor.values.slot import Slot
from processor.values.version import Version


class _OfRollout(Event):
    topic: ClassVar[str] = "rollout"
    promotion_id: str
    """The promotion whose version is rolled out."""
    version: Version
    """The version."""
    target: str
    """The target's name in the policy."""
    slot: Slot
    """The scalar in Git it follows from."""
    uri: str
    """The storage URI."""


class RolloutStarted(_OfRollout):
    """The cluster was told to run the version."""

    kind: ClassVar[str] = "rollout.started"


class RolloutProgressed(_OfRollout):
    """Something about the rollout changed on its way."""

    kind: ClassVar[str] = "rollout.progressed"
    detail: str
    """What."""


class RolloutSucceeded(_OfRollout):
    """The version answered predictions for the whole stable window."""

    kind: ClassVar[str] = "rollout.succeeded"
    endpoint: str
    """Where it answered."""
    prediction: str
    """What it answered, as JSON text."""


class RolloutFailed(_OfRollout):
    """The version does not come up."""

    kind: ClassVar[str] = "rollout.failed"
    reason: str
    """What the cluster says."""


class RolloutRegressed(_OfRollout):
    """The version served and stopped answering."""

    kind: ClassVar[str] = "rollout.regressed"
    reason: str
    """What the cluster says."""


class RolloutSuperseded(_OfRollout):
    """A newer version took the slot before this one served."""

    kind: ClassVar[str] = "rollout.superseded"


class ServingChanged(Event):
    """What answers at a slot changed, as observed."""

    kind: ClassVar[str] = "serving.changed"
    topic: ClassVar[str] = "serving"
    keyed_by_target: ClassVar[bool] = True
    target: str
    """The target's name in the policy."""
    slot: Slot
    """The slot."""
    uri: str | None
    """What serves; None: nothing answers."""
    version: Version | None
    """The version that is, None when it is not one of ours."""
    approved: bool
    """True: it serves because of an approved promotion."""
    promotion_id: str | None = None
    """That promotion."""
    endpoint: str | None = None
    """Where it answers."""
    prediction: str | None = None
    """What it answered, as JSON text."""
    soaks: tuple[Soak, ...] = ()
    """Which targets come next, once it has served until then."""


class TargetAdopted(Event):
    """What a target already served when we first looked."""

    kind: ClassVar[str] = "target.adopted"
    topic: ClassVar[str] = "rollout"
    target: str
    """The target's name in the policy."""
    slot: Slot
    """The slot."""
    uri: str | None
    """What serves."""
    version: Version | None
    """The version that is, None when it cannot be mapped."""
