"""Which version may go on to a target from the one before it?

Place in the flow: advance and renew ask before they request a promotion.
"""

from processor.policy.policy import Policy
from processor.policy.targets import Target
from processor.ports.views import Views
from processor.rules.candidates import soaked
from processor.rules.slots import slot_of
from processor.values.deadline import Deadline, soak_key
from processor.values.serving import Serving
from processor.values.version import Version, parts_of


async def soaked_before(
    views: Views, policy: Policy, target: Target, model_key: str
) -> Version | None:
    """Return what has served its soak at the target before this one, and still serves there."""
    before = policy.target(target.after.target) if target.after else None
    if before is None:
        return None
    slot = slot_of(before, parts_of(model_key)[2])
    serving = await views.get(Serving, slot.key)
    soak = await views.get(Deadline, soak_key(model_key, before.name, target.name))
    return soaked(serving, soak)
