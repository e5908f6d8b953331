"""The configuration in words: what is in force.

Place in the flow: `sluice config check` and `sluice doctor` print it; nothing decides by it.
"""

from collections.abc import Iterator

from processor.policy.policy import Policy
from processor.policy.targets import Target
from processor.settings.load import Loaded


def describe(loaded: Loaded) -> list[str]:
    """Return one line per fact, secrets never among them (settings hold only file names)."""
    settings = loaded.settings
    web = settings.web
    lines = [
        f"mode      {settings.modes}",
        f"registry  {settings.registry.id} at {settings.registry.url}",
        f"ledger    {settings.ledger.path}",
        f"forges    {', '.join(sorted(settings.forges)) or 'none'}",
        f"clusters  {', '.join(sorted(settings.clusters)) or 'none'}",
        f"people    {', '.join(sorted(settings.people)) or 'none'}",
        f"web       {web.public_url or f'http://{web.listen}'}",
        f"events    {_inbox(loaded)}",
    ]
    for file, policy in zip(loaded.policy_files, loaded.policies.all, strict=True):
        lines.append(f"policy    {policy.models} ({file.name})")
        lines += _policy(policy)
    return lines


def _inbox(loaded: Loaded) -> str:
    token = loaded.settings.web.events_token_file
    return (
        f"POST /events takes the token in {token}" if token else "POST /events refuses everything"
    )


def _policy(policy: Policy) -> Iterator[str]:
    """Yield a policy's gates and targets."""
    for gate in policy.gates:
        yield f"  gate    {gate.title}"
    for target in policy.targets:
        yield f"  target  {_target(target)}"


def _target(target: Target) -> str:
    where = f"{target.slot.forge}:{target.slot.repository}@{target.slot.branch} -> {target.cluster}"
    if target.approval == "automatic":
        return f"{target.name}: {where}, approved automatically"
    rule = target.approval
    return (
        f"{target.name}: {where}, {rule.count} of {', '.join(rule.people)}; "
        f"merged by {'a person' if rule.merge == 'person' else 'sluice'}"
    )
