"""Every source, and how often it looks.

Place in the flow: `program` runs one task per look.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from processor.adapters.ledgers import Ledger
from processor.adapters.ledgers.tidying import TableTidying
from processor.app.outside import Outside
from processor.bus.hints import Hint
from processor.engine.dependencies import KnownStates
from processor.events import DeadlinePassed, Event
from processor.ports.clock import Clock
from processor.rules.history.deadlines import sets_one
from processor.settings.load import Loaded
from processor.sources.deadlines import DeadlinesSource
from processor.sources.findings import LEDGER, Findings
from processor.sources.gates import EVALUATOR, GatesSource
from processor.sources.modes import ModesSource
from processor.sources.outages import OutagesSource
from processor.sources.pauses import PausesSource
from processor.sources.proposals import ProposalsSource
from processor.sources.registry import RegistrySource
from processor.sources.rollouts import RolloutsSource
from processor.sources.ruled import Ruled
from processor.sources.schedule import Look, keep_looking

_OWN = timedelta(seconds=0.5)  # between looks at our own ledger
_SWEEP = timedelta(seconds=30)  # between looks of a source that knows when to look
_MODES = timedelta(seconds=5)
_EMPTY = timedelta(seconds=30)  # between looks at the size of the write-ahead log
_CHECK = timedelta(hours=1)  # between looks at whether the file is due to be read for damage
_PROBE = timedelta(seconds=1)  # between looks at what is down; its breaker may want fewer


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Every source of the program."""

    registry: RegistrySource
    proposals: ProposalsSource
    rollouts: RolloutsSource
    gates: GatesSource
    deadlines: DeadlinesSource
    outages: OutagesSource
    pauses: PausesSource
    modes: ModesSource
    ledger: TableTidying


def sources(
    loaded: Loaded, ledger: Ledger, outside: Outside, clock: Clock, dependencies: KnownStates
) -> Sources:
    """Give each source what it looks at and where it says what it saw."""
    settings, policies = loaded.settings, loaded.policies
    ruled, incarnation = Ruled(policies), str(ledger.incarnation)
    log, views = ledger.log, ledger.views
    return Sources(
        registry=_registry(loaded, ledger, outside, clock),
        proposals=ProposalsSource(
            forges=outside.forges,
            policies=lambda: policies,
            people=loaded.people,
            log=log,
            views=views,
        ),
        rollouts=RolloutsSource(
            registry_id=settings.registry.id,
            clusters=outside.clusters,
            policies=ruled,
            log=log,
            snapshots=ledger.snapshots,
            views=views,
            clock=clock,
            incarnation=incarnation,
        ),
        gates=GatesSource(views=views, policies=ruled, log=log, evaluator=outside.evaluator),
        deadlines=DeadlinesSource(views=views, log=log, clock=clock),
        outages=_outages(outside, dependencies),
        pauses=PausesSource(views=views, dependencies=dependencies),
        modes=_modes(loaded, ledger),
        ledger=ledger.tidying,
    )


def _registry(loaded: Loaded, ledger: Ledger, outside: Outside, clock: Clock) -> RegistrySource:
    settings = loaded.settings.registry
    return RegistrySource(
        registry_id=settings.id,
        workspaces=settings.workspaces,
        reader=outside.registry,
        log=ledger.log,
        snapshots=ledger.snapshots,
        clock=clock,
        incarnation=str(ledger.incarnation),
    )


def _outages(outside: Outside, dependencies: KnownStates) -> OutagesSource:
    """Return the probes; an endpoint has none: its next message is one."""
    return OutagesSource(
        checks={
            "registry": outside.registry.check,
            **{f"forge {name}": forge.check for name, forge in outside.forges.items()},
            **{f"cluster {name}": one.check for name, one in outside.clusters.items()},
        },
        to_probe=dependencies.to_probe,
    )


def _modes(loaded: Loaded, ledger: Ledger) -> ModesSource:
    return ModesSource(
        modes=loaded.settings.modes,
        views=ledger.views,
        log=ledger.log,
        snapshots=ledger.snapshots,
        incarnation=str(ledger.incarnation),
    )


def hints() -> dict[str, Hint]:
    """Return, by look, which events make the next one worthwhile at once."""
    return {
        "deadlines": Hint(sets_one, asyncio.Event()),
        "rollouts": Hint(_ends_a_rollout, asyncio.Event()),
    }


def _ends_a_rollout(event: Event) -> bool:
    return isinstance(event, DeadlinePassed) and event.what == "rollout"


def looks(
    loaded: Loaded,
    on: Sources,
    outside: Outside,
    clock: Clock,
    dependencies: KnownStates,
    woken_by: Mapping[str, Hint],
) -> list[Callable[[], Awaitable[None]]]:
    """Return one endless task per look; `woken_by` makes some look sooner."""
    findings = Findings(dependencies=dependencies)
    return [
        partial(
            keep_looking,
            look,
            name=name,
            products=products,
            every=every.total_seconds(),
            clock=clock,
            findings=findings,
            wake=woken_by[name].wake if name in woken_by else asyncio.Event(),
            until_next=on.deadlines.until_next if name == "deadlines" else None,
        )
        for name, products, every, look in _rhythm(loaded, on, outside)
    ]


def _rhythm(
    loaded: Loaded, on: Sources, outside: Outside
) -> list[tuple[str, Sequence[str], timedelta, Look]]:
    """Return every look by name, with the products it asks and how often it looks."""
    poll = loaded.settings.poll
    forges = [f"forge {name}" for name in outside.forges]
    clusters = [f"cluster {name}" for name in outside.clusters]
    return [
        ("registry.changes", ["registry"], poll.changes, on.registry.look_changes),
        ("registry.models", ["registry"], poll.models, on.registry.look_models),
        ("registry.reconcile", ["registry"], poll.reconcile, on.registry.reconcile),
        ("proposals", forges, poll.proposals, on.proposals.look),
        ("rollouts", clusters, poll.rollouts, on.rollouts.look),
        ("gates", [LEDGER, EVALUATOR], _OWN, on.gates.look),
        ("deadlines", [LEDGER], _SWEEP, on.deadlines.look),
        ("pauses", [LEDGER], _OWN, on.pauses.look),
        ("modes", [LEDGER], _MODES, on.modes.look),
        ("ledger", [LEDGER], _OWN, on.ledger.look),
        ("ledger.log", [LEDGER], _EMPTY, on.ledger.empty),
        ("ledger.check", [LEDGER], _CHECK, on.ledger.check),
        *(
            (f"outages {product}", [product], _PROBE, partial(on.outages.look, product))
            for product in on.outages.checks
        ),
    ]
