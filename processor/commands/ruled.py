"""The policy and target a wish is about.

Place in the flow: wishes ask here, so that a missing policy, and two that tie, are refused in the
same words.
"""

from processor.errors import Refused
from processor.policy.policy import Policies, Policy
from processor.policy.targets import Target
from processor.values.version import Version


def policy_of(policies: Policies, version: Version) -> Policy:
    """Return the policy that rules a version. Raises Refused 409: none does, or two tie."""
    try:
        policy = policies.ruling(version.workspace, version.model)
    except ValueError as tie:
        raise Refused("Two policies", str(tie)) from tie
    if policy is None:
        raise Refused("No policy", f"no policy rules the model {version.model}")
    return policy


def target_of(policies: Policies, version: Version, name: str) -> Target:
    """Return a target of the version's policy. Raises Refused: 404 no such target, 409."""
    policy = policy_of(policies, version)
    target = policy.target(name)
    if target is None:
        names = ", ".join(one.name for one in policy.targets)
        raise Refused(
            "No such target", f"{version.model} has no target {name}; it has {names}", status=404
        )
    return target
