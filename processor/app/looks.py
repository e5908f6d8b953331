"""Every source, and how often it looks.

Place in the flow: `program` runs one task per look.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from processor.adapters.ledgers import Ledger
from processor.app.outside import Outside
from processor.engine.dependencies import KnownStates
from processor.ports.clock import Clock
from processor.settings.load import Loaded
from processor.sources.deadlines import DeadlinesSource
from processor.sources.findings import LEDGER, Findings
from processor.sources.gates import GatesSource
from processor.sources.outages import OutagesSource
from processor.sources.proposals import ProposalsSource
from processor.sources.registry import RegistrySource
from processor.sources.rollouts import RolloutsSource
from processor.sources.ruled import Ruled
from processor.sources.schedule import Look, keep_looking

_OWN = timedelta(seconds=0.5)  # between looks at our own ledger


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Every source of the program."""

    registry: RegistrySource
    proposals: ProposalsSource
    rollouts: RolloutsSource
    gates: GatesSource
    deadlines: DeadlinesSource
    outages: OutagesSource


def sources(
    loaded: Loaded, ledger: Ledger, outside: Outside, clock: Clock, dependencies: KnownStates
) -> Sources:
    """Give each source what it looks at and where it says what it saw."""
    settings, policies = loaded.settings, loaded.policies
    ruled = Ruled(policies)
    incarnation = str(ledger.incarnation)
    return Sources(
        registry=RegistrySource(
            registry_id=settings.registry.id,
            workspaces=settings.registry.workspaces,
            reader=outside.registry,
            log=ledger.log,
            snapshots=ledger.snapshots,
            clock=clock,
            incarnation=incarnation,
        ),
        proposals=ProposalsSource(
            forges=outside.forges,
            policies=lambda: policies,
            people=loaded.people,
            log=ledger.log,
            views=ledger.views,
        ),
        rollouts=RolloutsSource(
            registry_id=settings.registry.id,
            clusters=outside.clusters,
            policies=ruled,
            log=ledger.log,
            snapshots=ledger.snapshots,
            views=ledger.views,
            clock=clock,
            incarnation=incarnation,
        ),
        gates=GatesSource(views=ledger.views, policies=ruled, log=ledger.log),
        deadlines=DeadlinesSource(views=ledger.views, log=ledger.log, clock=clock),
        outages=OutagesSource(
            checks={f"forge {name}": forge.check for name, forge in outside.forges.items()},
            dependencies=dependencies,
        ),
    )


def looks(
    loaded: Loaded, on: Sources, outside: Outside, clock: Clock, dependencies: KnownStates
) -> list[Callable[[], Awaitable[None]]]:
    """Return one endless task per look."""
    poll = loaded.settings.poll
    forges = [f"forge {name}" for name in outside.forges]
    clusters = [f"cluster {name}" for name in outside.clusters]
    findings = Findings(dependencies=dependencies)
    rows: list[tuple[str, Sequence[str], timedelta, Look]] = [
        ("registry.changes", ["registry"], poll.changes, on.registry.look_changes),
        ("registry.models", ["registry"], poll.models, on.registry.look_models),
        ("registry.reconcile", ["registry"], poll.reconcile, on.registry.reconcile),
        ("proposals", forges, poll.proposals, on.proposals.look),
        ("rollouts", clusters, poll.rollouts, on.rollouts.look),
        ("outages", forges, poll.proposals, on.outages.look),
        ("gates", [LEDGER], _OWN, on.gates.look),
        ("deadlines", [LEDGER], _OWN, on.deadlines.look),
    ]
    return [
        partial(
            keep_looking,
            look,
            name=name,
            products=products,
            every=every.total_seconds(),
            clock=clock,
            findings=findings,
            wake=asyncio.Event(),
        )
        for name, products, every, look in rows
    ]
