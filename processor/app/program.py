"""The program put together over a ledger and an outside.

Place in the flow: `lifecycle` runs what this returns. Handlers get reading halves and the
effects door; the door alone gets the writing halves.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from processor.adapters.ledgers import Ledger
from processor.app.guarding import guarded_outside
from processor.app.looks import by_hook, hints, looks, sources
from processor.app.outside import Outside
from processor.app.site import site
from processor.bus.hints import HintingBus
from processor.bus.local import LocalBus
from processor.engine.clock import FASTEST
from processor.engine.dependencies import KnownStates
from processor.engine.effects.announcements import AnnouncementDoor
from processor.engine.effects.door import Door
from processor.engine.effects.proposals import ProposalDoor
from processor.engine.effects.registry import RegistryDoor
from processor.engine.ingest import Ingest
from processor.engine.relay import Relay
from processor.engine.worker import Worker
from processor.ports.clock import Clock
from processor.routes import Needs, routes
from processor.settings.load import Loaded
from processor.sources.pace import Courses
from processor.web.health import Readiness
from processor.web.server import Site


@dataclass(frozen=True, kw_only=True)
class Program:
    """What runs: `worker` drains by itself, `tasks` are cancelled at the end."""

    worker: Worker
    tasks: tuple[Callable[[], Awaitable[None]], ...]
    site: Site
    readiness: Readiness
    stopping: asyncio.Event


@dataclass(frozen=True, kw_only=True)
class _Doors:
    """The three halves of the effects door."""

    registry: RegistryDoor
    proposals: ProposalDoor
    announcements: AnnouncementDoor


def assemble(loaded: Loaded, ledger: Ledger, outside: Outside, clock: Clock) -> Program:
    """Return the program over these parts."""
    settings = loaded.settings
    stopping, planned = asyncio.Event(), asyncio.Event()
    dependencies = KnownStates(clock=clock, woken=planned)
    outside = guarded_outside(outside, dependencies)
    woken_by = hints()
    bus = HintingBus(bus=LocalBus(), hints=tuple(woken_by.values()))
    doors = _doors(loaded, ledger, outside, clock)
    rows = routes(_needs(loaded, ledger, outside, doors, clock))
    worker = Worker(
        registry_id=settings.registry.id,
        routes=rows,
        work=ledger.work,
        clock=clock,
        dependencies=dependencies,
        planned=planned,
        stopping=stopping,
    )
    relay = Relay(places=ledger.log, bus=bus, clock=clock, appended=ledger.appended)
    ingest = Ingest(routes=rows, work=ledger.work, bus=bus, clock=clock, planned=planned)
    readiness = Readiness()
    courses = Courses(clock=clock)
    on = sources(loaded, ledger, outside, clock, dependencies, courses)
    tasks = looks(loaded, on, outside, clock, dependencies, courses, woken_by)
    return Program(
        worker=worker,
        tasks=(relay.run, ingest.run, *tasks),
        site=site(
            loaded,
            ledger,
            doors.proposals,
            dependencies,
            clock,
            readiness,
            by_hook(woken_by),
            courses,
        ),
        readiness=readiness,
        stopping=stopping,
    )


def _needs(loaded: Loaded, ledger: Ledger, outside: Outside, doors: _Doors, clock: Clock) -> Needs:
    """Return what reactions look at and act through."""
    settings = loaded.settings
    return Needs(
        registry=outside.registry,
        forges=outside.forges,
        views=ledger.views,
        policies=loaded.policies,
        people=loaded.people,
        clock=clock,
        evaluator=outside.evaluator,
        registry_effects=doors.registry,
        proposal_effects=doors.proposals,
        announcements=doors.announcements,
        notify={"log": settings.notify.log},
        browser_url=str(settings.registry.browser_url or settings.registry.url),
        doubtful_until=ledger.doubtful_until,
    )


def _doors(loaded: Loaded, ledger: Ledger, outside: Outside, clock: Clock) -> _Doors:
    """Give the writing halves to the effects door."""
    settings = loaded.settings
    door = Door(
        effects=ledger.effects,
        views=ledger.views,
        clock=clock,
        modes=settings.modes,
        doubtful_until=ledger.doubtful_until,
        attempts=ledger.incarnation - 1,
    )
    return _Doors(
        registry=RegistryDoor(
            registry_id=settings.registry.id,
            door=door,
            reader=outside.registry,
            writer=outside.registry_writer,
            quiet=settings.registry.quiet.total_seconds() * FASTEST,
        ),
        proposals=ProposalDoor(
            door=door,
            readers=outside.forges,
            writers=outside.forge_writers,
            quiet={
                name: forge.local.quiet.total_seconds() * FASTEST
                for name, forge in settings.forges.items()
            },
        ),
        announcements=AnnouncementDoor(door=door, endpoints=outside.endpoints),
    )
