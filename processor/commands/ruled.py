"""The policy and target a wish is about.

Place in the flow: wishes ask here, so that a missing policy, two that tie, and a target nobody
wrote are refused in the same words.
"""

import difflib

from processor.errors import Refused
from processor.policy.policy import Policies, Policy
from processor.policy.targets import Target
from processor.values.version import Version, parts_of


def policy_of(policies: Policies, version: Version) -> Policy:
    """Return the policy that rules a version. Raises Refused 409: none does, or two tie."""
    return _ruling(policies, version.workspace, version.model)


def target_of(policies: Policies, version: Version, name: str) -> Target:
    """Return a target of the version's policy. Raises Refused: 404 no such target, 409."""
    return target_named(policies, version.key, name)


def target_named(policies: Policies, model_key: str, name: str) -> Target:
    """Return a target of a model's policy.

    Raises Refused: 404 no such target, with the nearest name; 409 no policy rules it, or two tie.
    """
    _, workspace, model = parts_of(model_key)
    policy = _ruling(policies, workspace, model)
    target = policy.target(name)
    if target is None:
        names = [one.name for one in policy.targets]
        close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        raise Refused(
            "No such target",
            f"{model} has no target {name}; "
            + (f"did you mean {close[0]}?" if close else f"it has {', '.join(names)}"),
            status=404,
        )
    return target


def _ruling(policies: Policies, workspace: str, model: str) -> Policy:
    try:
        policy = policies.ruling(workspace, model)
    except ValueError as tie:
        raise Refused("Two policies", str(tie)) from tie
    if policy is None:
        raise Refused("No policy", f"no policy rules the model {model}")
    return policy
