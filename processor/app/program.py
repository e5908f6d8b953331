"""The program put together over a ledger and an outside.

Place in the flow: `lifecycle` runs what this returns. Handlers get reading halves and the
effects door; the door alone gets the writing halves.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from processor.adapters.ledgers import Ledger
from processor.app.outside import Outside
from processor.bus.local import LocalBus
from processor.commands.approve import Approve
from processor.commands.evaluate import Evaluate
from processor.commands.reject import Reject
from processor.commands.request import Request
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
from processor.sources.deadlines import DeadlinesSource
from processor.sources.gates import GatesSource
from processor.sources.proposals import ProposalsSource
from processor.sources.registry import RegistrySource
from processor.sources.rollouts import RolloutsSource
from processor.sources.schedule import keep_looking
from processor.telemetry import Metrics
from processor.views.knowledge import Knowledge
from processor.web.health import Readiness
from processor.web.server import Site
from processor.web.signin import SignIn
from processor.web.token_file import TokenFile
from processor.web.wishes import Wishes

_OWN = 0.5  # seconds between looks at our own ledger


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
    dependencies = KnownStates(clock=clock)
    stopping, planned = asyncio.Event(), asyncio.Event()
    bus = LocalBus()
    doors = _doors(loaded, ledger, outside, clock)
    rows = routes(
        Needs(
            registry=outside.registry,
            forges=outside.forges,
            views=ledger.views,
            policies=loaded.policies,
            people=loaded.people,
            clock=clock,
            registry_effects=doors.registry,
            proposal_effects=doors.proposals,
            announcements=doors.announcements,
            notify={"log": settings.notify.log},
            browser_url=str(settings.registry.browser_url or settings.registry.url),
        )
    )
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
    return Program(
        worker=worker,
        tasks=(relay.run, ingest.run, *_looks(loaded, ledger, outside, clock, dependencies)),
        site=_site(loaded, ledger, doors, dependencies, clock, readiness),
        readiness=readiness,
        stopping=stopping,
    )


def _doors(loaded: Loaded, ledger: Ledger, outside: Outside, clock: Clock) -> _Doors:
    """Give the writing halves to the effects door."""
    settings = loaded.settings
    door = Door(effects=ledger.effects, clock=clock, mode=settings.mode)
    return _Doors(
        registry=RegistryDoor(
            registry_id=settings.registry.id,
            door=door,
            reader=outside.registry,
            writer=outside.registry_writer,
            quiet=settings.registry.quiet.total_seconds(),
        ),
        proposals=ProposalDoor(
            door=door,
            readers=outside.forges,
            writers=outside.forge_writers,
            quiet={
                name: forge.local.quiet.total_seconds() for name, forge in settings.forges.items()
            },
        ),
        announcements=AnnouncementDoor(door=door, endpoints=outside.endpoints),
    )


def _looks(
    loaded: Loaded, ledger: Ledger, outside: Outside, clock: Clock, dependencies: KnownStates
) -> list[Callable[[], Awaitable[None]]]:
    """Return one task per look of every source."""
    settings, poll, policies = loaded.settings, loaded.settings.poll, loaded.policies
    incarnation = str(ledger.incarnation)
    registry = RegistrySource(
        registry_id=settings.registry.id,
        workspaces=settings.registry.workspaces,
        reader=outside.registry,
        log=ledger.log,
        snapshots=ledger.snapshots,
        clock=clock,
        incarnation=incarnation,
    )
    proposals = ProposalsSource(
        forges=outside.forges,
        policies=lambda: policies,
        people=loaded.people,
        log=ledger.log,
        views=ledger.views,
    )
    rollouts = RolloutsSource(
        registry_id=settings.registry.id,
        clusters=outside.clusters,
        policies=policies,
        log=ledger.log,
        snapshots=ledger.snapshots,
        views=ledger.views,
        clock=clock,
        incarnation=incarnation,
    )
    gates = GatesSource(views=ledger.views, policies=policies, log=ledger.log)
    deadlines = DeadlinesSource(views=ledger.views, log=ledger.log, clock=clock)

    def task(
        name: str, product: str, every: float, look: Callable[[], Awaitable[None]]
    ) -> Callable[[], Awaitable[None]]:
        return lambda: keep_looking(
            look,
            name=name,
            product=product,
            every=every,
            clock=clock,
            dependencies=dependencies,
            wake=asyncio.Event(),
        )

    return [
        task("registry.changes", "registry", poll.changes.total_seconds(), registry.look_changes),
        task("registry.models", "registry", poll.models.total_seconds(), registry.look_models),
        task("registry.reconcile", "registry", poll.reconcile.total_seconds(), registry.reconcile),
        task("proposals", "forges", poll.proposals.total_seconds(), proposals.look),
        task("rollouts", "clusters", poll.rollouts.total_seconds(), rollouts.look),
        task("gates", "ledger", _OWN, gates.look),
        task("deadlines", "ledger", _OWN, deadlines.look),
    ]


def _site(
    loaded: Loaded,
    ledger: Ledger,
    doors: _Doors,
    dependencies: KnownStates,
    clock: Clock,
    readiness: Readiness,
) -> Site:
    """Return what pages, API and inbox need."""
    settings, policies, people = loaded.settings, loaded.policies, loaded.people
    web, log, views = settings.web, ledger.log, ledger.views
    known = Knowledge(
        views=views,
        log=log,
        work=ledger.counts,
        dependencies=dependencies,
        policies=policies,
        people=people,
        clock=clock,
        registry=settings.registry.id,
        workspaces=settings.registry.workspaces,
        mode=settings.mode,
    )
    wishes = Wishes(
        approve=Approve(views=views, log=log, policies=policies, people=people),
        reject=Reject(views=views, proposals=doors.proposals, policies=policies, people=people),
        evaluate=Evaluate(log=log, policies=policies),
        request=Request(log=log, policies=policies, people=people),
    )
    public = str(web.public_url).rstrip("/") if web.public_url else None
    return Site(
        known=known,
        log=log,
        policies=policies,
        wishes=wishes,
        sign_in=SignIn(
            people=people.names,
            clock=clock,
            links_file=web.sign_in_file,
            sessions_file=settings.ledger.path.with_suffix(".sessions.json"),
            secure=public is not None and public.startswith("https:"),
        ),
        events_token=TokenFile(path=web.events_token_file),
        readiness=readiness,
        metrics=Metrics(),
        public_url=public,
    )
