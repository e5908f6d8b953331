"""What pages, API and inbox need, made from settings and parts.

Place in the flow: `program` hands it to the web server.
"""

from processor.adapters.ledgers import Ledger
from processor.app.switches import switches
from processor.commands.approve import Approve
from processor.commands.evaluate import Evaluate
from processor.commands.reject import Reject
from processor.commands.request import Request
from processor.commands.waive import Waive
from processor.engine.dependencies import KnownStates
from processor.engine.effects.proposals import ProposalDoor
from processor.events.mapped import TrainingMap
from processor.ports.clock import Clock
from processor.ports.looks import Looks
from processor.settings.load import Loaded
from processor.settings.tree import TrainingSettings
from processor.telemetry import Metrics
from processor.values.json_path import JsonPath
from processor.views.knowledge import Knowledge
from processor.web.health import Readiness
from processor.web.hook_secret import HookSecret
from processor.web.hooks import Wakers
from processor.web.server import Site
from processor.web.signin import SignIn
from processor.web.token_file import TokenFile
from processor.web.wishes import Wishes


def site(
    loaded: Loaded,
    ledger: Ledger,
    proposals: ProposalDoor,
    dependencies: KnownStates,
    clock: Clock,
    readiness: Readiness,
    wakers: Wakers,
    looks: Looks,
) -> Site:
    """Return what the web server needs."""
    settings, web = loaded.settings, loaded.settings.web
    public = str(web.public_url).rstrip("/") if web.public_url else None
    return Site(
        known=_known(loaded, ledger, dependencies, clock, looks),
        log=ledger.log,
        policies=loaded.policies,
        wishes=_wishes(loaded, ledger, proposals, clock),
        sign_in=SignIn(
            people=loaded.people.names,
            clock=clock,
            links_file=web.sign_in_file,
            sessions_file=settings.ledger.path.with_suffix(".sessions.json"),
            secure=public is not None and public.startswith("https:"),
        ),
        events_token=TokenFile(path=web.events_token_file),
        hook_secret=HookSecret(
            path=settings.registry.hook_secret_file, setting="registry.hook_secret_file"
        ),
        wakeups=ledger.wakeups,
        wakers=wakers,
        readiness=readiness,
        metrics=Metrics(),
        public_url=public,
        training=training_map(settings.training),
    )


def training_map(settings: TrainingSettings) -> TrainingMap | None:
    """Return how messages that are no CloudEvents are read, None where nobody says."""
    if settings.map is None:
        return None
    written = settings.map.model_dump()
    return TrainingMap(
        source=settings.source,
        fields={
            name: JsonPath.written(place) if place.startswith("$") else place
            for name, place in written.items()
            if place
        },
    )


def _known(
    loaded: Loaded, ledger: Ledger, dependencies: KnownStates, clock: Clock, looks: Looks
) -> Knowledge:
    """Return what readers look at."""
    settings = loaded.settings
    return Knowledge(
        views=ledger.views,
        log=ledger.log,
        work=ledger.counts,
        dependencies=dependencies,
        looks=looks,
        policies=loaded.policies,
        people=loaded.people,
        clock=clock,
        registry=settings.registry.id,
        workspaces=settings.registry.workspaces,
        modes=settings.modes,
    )


def _wishes(loaded: Loaded, ledger: Ledger, proposals: ProposalDoor, clock: Clock) -> Wishes:
    """Return what people may want."""
    policies, people, log, views = loaded.policies, loaded.people, ledger.log, ledger.views
    return Wishes(
        approve=Approve(views=views, log=log, policies=policies, people=people),
        reject=Reject(views=views, proposals=proposals, policies=policies, people=people),
        evaluate=Evaluate(log=log, policies=policies),
        request=Request(log=log, policies=policies, people=people),
        waive=Waive(views=views, log=log, clock=clock, policies=policies, people=people),
        switches=switches(loaded, ledger, clock),
    )
