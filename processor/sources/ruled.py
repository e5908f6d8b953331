"""The policy of a model, for those who look at many.

Place in the flow: rollouts and gates ask it. Two policies that tie are a mistake in files, not a
reason to stop looking at every other model.
"""

from dataclasses import dataclass, field

from processor import log
from processor.policy.policy import Policies, Policy, PolicyTie


@dataclass(frozen=True)
class Ruled:
    """Policies that leave out a model two of them rule, and say so once."""

    policies: Policies
    _told: set[str] = field(default_factory=set, init=False, repr=False)

    def by(self, workspace: str, model: str) -> Policy | None:
        """Return the policy of a model; None without one, and when two tie."""
        try:
            return self.policies.ruling(workspace, model)
        except PolicyTie as tie:
            if str(tie) not in self._told:
                self._told.add(str(tie))
                log.warn("policies.tie", model=model, workspace=workspace, reason=str(tie))
            return None
