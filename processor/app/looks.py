"""Every source, and how often it looks.

Place in the flow: `program` runs one task per look. Those at the registry share `poll.max_load`.
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
from processor.rules.pace import Rhythm
from processor.settings.load import Loaded
from processor.sources.deadlines import DeadlinesSource
from processor.sources.findings import LEDGER, Findings
from processor.sources.gates import EVALUATOR, GatesSource, may_answer
from processor.sources.modes import ModesSource
from processor.sources.outages import OutagesSource
from processor.sources.pace import Courses
from processor.sources.pauses import PausesSource
from processor.sources.proposals import ProposalsSource
from processor.sources.registry import RegistrySource
from processor.sources.rollouts import RolloutsSource
from processor.sources.ruled import Ruled
from processor.sources.schedule import Look, keep_looking
from processor.sources.stalls import StallsSource
from processor.values.record import ASKING_TAG
from processor.values.wakeup import REGISTRY
from processor.web.hooks import Wakers

_OWN = timedelta(seconds=0.5)  # between looks at our own ledger
_SWEEP = timedelta(seconds=30)  # between looks of a source that knows when to look
_MODES = timedelta(seconds=5)
_EMPTY = timedelta(seconds=30)  # between looks at the size of the write-ahead log
_CHECK = timedelta(hours=1)  # between looks at whether the file is due to be read for damage
_PROBE = timedelta(seconds=1)  # between looks at what is down; its breaker may want fewer
_STALLS = timedelta(seconds=5)  # between looks at how the looks go
_HINTED = "registry.hinted"
_SHARES = {"registry.changes": 0.5, "registry.models": 0.25, "registry.reconcile": 0.25}
"""What part of `poll.max_load` a look may use. What a hook names is read without being paced: it
costs no more than the change it tells of."""
_LONGEST = timedelta(days=1)  # between two readings of everything, whatever they cost


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
    stalls: StallsSource
    ledger: TableTidying


def sources(
    loaded: Loaded,
    ledger: Ledger,
    outside: Outside,
    clock: Clock,
    dependencies: KnownStates,
    courses: Courses,
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
        stalls=_stalls(loaded, ledger, clock, courses),
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
        tags=(ASKING_TAG,),
        wakeups=ledger.wakeups,
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


def _stalls(loaded: Loaded, ledger: Ledger, clock: Clock, courses: Courses) -> StallsSource:
    return StallsSource(
        registry_id=loaded.settings.registry.id,
        looks=courses,
        log=ledger.log,
        snapshots=ledger.snapshots,
        clock=clock,
        incarnation=str(ledger.incarnation),
    )


def hints() -> dict[str, Hint]:
    """Return, by look, which events make the next one worthwhile at once.

    Of the registry no event of ours tells anything, only its hooks do.
    """
    return {
        "deadlines": Hint(sets_one, asyncio.Event()),
        "rollouts": Hint(_ends_a_rollout, asyncio.Event()),
        "gates.reports": Hint(may_answer, asyncio.Event()),
        "registry.changes": Hint(_never, asyncio.Event()),
        _HINTED: Hint(_never, asyncio.Event()),
    }


def by_hook(woken_by: Mapping[str, Hint]) -> Wakers:
    """Return what the registry's hooks wake: the look at what one named, or at what changed."""
    return Wakers(named=woken_by[_HINTED].wake.set, changes=woken_by["registry.changes"].wake.set)


def _never(_: Event) -> bool:
    return False


def _ends_a_rollout(event: Event) -> bool:
    return isinstance(event, DeadlinePassed) and event.what == "rollout"


def looks(
    loaded: Loaded,
    on: Sources,
    outside: Outside,
    clock: Clock,
    dependencies: KnownStates,
    courses: Courses,
    woken_by: Mapping[str, Hint],
) -> list[Callable[[], Awaitable[None]]]:
    """Return one endless task per look; `woken_by` makes some look sooner."""
    findings = Findings(dependencies=dependencies)
    until_next: Mapping[str, Callable[[], Awaitable[float]]] = {
        "deadlines": on.deadlines.until_next,
        _HINTED: partial(_more, on),
    }
    return [
        partial(
            keep_looking,
            look,
            course=courses.of(name, _rhythm(loaded, name, every)),
            products=products,
            clock=clock,
            findings=findings,
            wake=woken_by[name].wake if name in woken_by else asyncio.Event(),
            until_next=until_next.get(name),
        )
        for name, products, every, look in _all(loaded, on, outside)
    ]


def _rhythm(loaded: Loaded, name: str, every: timedelta) -> Rhythm:
    """Return how often a look comes and what it may cost.

    However dear the small looks at the registry are, they come as often as the whole is read.
    """
    poll = loaded.settings.poll
    longest = _LONGEST if name == "registry.reconcile" else poll.reconcile
    return Rhythm(
        every=every.total_seconds(),
        load=poll.load * _SHARES.get(name, 0.0),
        longest=max(longest, every).total_seconds(),
    )


async def _more(on: Sources) -> float:
    """Return 0 while hints wait that came behind those of the last look, else infinity."""
    wakeups = on.registry.wakeups
    return 0.0 if wakeups and await wakeups.waiting(REGISTRY) else float("inf")


def _all(
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
        (_HINTED, ["registry"], _SWEEP, on.registry.look_hinted),
        ("proposals", forges, poll.proposals, on.proposals.look),
        ("rollouts", clusters, poll.rollouts, on.rollouts.look),
        ("gates.reports", [LEDGER], _SWEEP, on.gates.look_reports),
        ("gates.programs", [LEDGER, EVALUATOR], _OWN, on.gates.look_programs),
        ("deadlines", [LEDGER], _SWEEP, on.deadlines.look),
        ("pauses", [LEDGER], _OWN, on.pauses.look),
        ("modes", [LEDGER], _MODES, on.modes.look),
        ("stalls", [LEDGER], _STALLS, on.stalls.look),
        ("ledger", [LEDGER], _OWN, on.ledger.look),
        ("ledger.log", [LEDGER], _EMPTY, on.ledger.empty),
        ("ledger.check", [LEDGER], _CHECK, on.ledger.check),
        *(
            (f"outages {product}", [product], _PROBE, partial(on.outages.look, product))
            for product in on.outages.checks
        ),
    ]
