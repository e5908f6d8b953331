"""Does everything outside answer, and is it what the policies name?

Place in the flow: `sluice doctor` prints these lines behind its own; nothing is changed.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable

from processor.app import maintenance
from processor.app.lifecycle import open_reader
from processor.app.outside import Outside, open_outside
from processor.errors import Terminal, Unavailable
from processor.policy.policy import Policy
from processor.ports.reading.registry import RegistryReader
from processor.rules.slot_conflicts import slot_conflicts
from processor.rules.slots import repository_of
from processor.settings.load import Loaded


async def check(loaded: Loaded) -> list[str]:
    """Ask every product whether it answers; each line begins with `ok:` or `not ok:`."""
    async with open_outside(loaded) as outside:
        lines = [line async for line in _products(outside)]
        for policy in loaded.policies.all:
            lines += [line async for line in _repositories(outside, policy)]
        if any(policy.commands for policy in loaded.policies.all):
            lines += [line async for line in _limits(outside)]
    if loaded.settings.ledger.path.exists():
        found = await asyncio.to_thread(_damage, loaded)
        lines += [found] if found else [line async for line in _models(loaded)]
    return lines


def _damage(loaded: Loaded) -> str:
    """Return what is wrong with the ledger's file, empty when it can be read from end to end."""
    try:
        problems = maintenance.check(loaded, quick=True)
    except Terminal as problem:
        return f"not ok: ledger: {str(problem).removeprefix('ledger: ')}"
    if not problems:
        return ""
    path = loaded.settings.ledger.path
    return (
        f"not ok: ledger: {path} is damaged ({problems[0]}): stop Sluice, then restore a backup "
        "with `sluice db restore FILE`"
    )


async def _products(outside: Outside) -> AsyncIterator[str]:
    """Yield how each product is."""
    async for line in _registry(outside.registry):
        yield line
    for name, forge in outside.forges.items():
        yield await _line(f"forge {name}", forge.check())
    for name, cluster in outside.clusters.items():
        yield await _line(f"cluster {name}", cluster.check())


async def _registry(registry: RegistryReader) -> AsyncIterator[str]:
    """Yield how the registry is, and what its operator should know of it."""
    answers = await _line("registry", registry.check())
    yield answers
    if not answers.startswith("ok:"):
        return
    try:
        for remark in await registry.remarks():
            yield f"{'ok' if remark.fine else 'not ok'}: registry: {remark.text}"
    except (Unavailable, Terminal) as problem:
        yield f"not ok: registry: {str(problem).removeprefix('registry: ')}"


async def _repositories(outside: Outside, policy: Policy) -> AsyncIterator[str]:
    """Yield whether each repository and branch a policy proposes to is there."""
    for where in dict.fromkeys(repository_of(target) for target in policy.targets):
        forge = outside.forges[where.forge]  # `config check` knows every name
        yield await _line(
            f"policy {policy.models}", _there(f"{where.name}@{where.branch}", forge.head(where))
        )


async def _limits(outside: Outside) -> AsyncIterator[str]:
    """Yield which of the limits gate programs run under this machine enforces."""
    try:
        limits = await outside.evaluator.limits()
    except Unavailable as problem:
        yield f"not ok: {problem}"
        return
    for limit in limits:
        if limit.waived:
            yield f"ok: evaluator: {limit.enforces}: gone without, as evaluator.local.without asks"
        elif limit.problem:
            yield (
                f"not ok: evaluator: {limit.enforces}: not available on this machine: "
                f"{limit.problem}; command gates are answered inconclusive until you allow it "
                f"with evaluator.local.without: [{limit.name}]"
            )
        else:
            yield f"ok: evaluator: {limit.enforces}"


async def _there(place: str, head: Awaitable[str]) -> str:
    """Return where a repository's branch stands."""
    return f"{place} is at {(await head)[:12]}"


async def _models(loaded: Loaded) -> AsyncIterator[str]:
    """Yield what keeps the models met so far from having one policy and slots of their own."""
    try:
        async with open_reader(loaded) as reader:
            live = frozenset(await reader.views.models("live"))
            met = [key for key in await reader.views.models() if key in live]
    except (Unavailable, Terminal) as problem:
        yield f"not ok: ledger: {str(problem).removeprefix('ledger: ')}"
        return
    conflicts = [f"not ok: {one.sentence}" for one in slot_conflicts(loaded.policies, met)]
    for line in conflicts or [f"ok: ledger: {len(met)} model(s), none in another's slot"]:
        yield line


async def _line(name: str, asked: Awaitable[str]) -> str:
    """Return how the asking went; a product's own name in its complaint is not said twice."""
    try:
        return f"ok: {name}: {await asked}"
    except (Unavailable, Terminal) as problem:
        return f"not ok: {name}: {str(problem).removeprefix(f'{name}: ')}"
