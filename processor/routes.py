"""THE TABLE OF CONTENTS: event -> handlers, in story order, with lane and part.

Place in the flow: `app` builds it once; `engine/ingest` makes work rows from it, `engine/worker`
calls the handlers. Nothing else in the program pairs events with reactions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from processor import events as e
from processor.handlers.announce import Announce
from processor.handlers.confirm import Confirm
from processor.handlers.evaluate import Evaluate
from processor.handlers.mark import Mark
from processor.handlers.merge import Merge
from processor.handlers.propose import Propose
from processor.handlers.register import Register
from processor.handlers.vouch import Vouch
from processor.handlers.withdraw import Withdraw
from processor.policy.policy import Policies
from processor.ports.clock import Clock
from processor.ports.effects import Announcements, ProposalEffects, RegistryEffects
from processor.ports.reading.forge import ForgeReader
from processor.ports.reading.registry import RegistryReader
from processor.ports.route import Route
from processor.ports.views import Views
from processor.rules.announcement import wanted
from processor.values.people import People

E = TypeVar("E", bound=e.Event)


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What reactions look at and act through; `notify` maps an endpoint to its patterns."""

    registry: RegistryReader
    forges: Mapping[str, ForgeReader]
    views: Views
    policies: Policies
    people: People
    clock: Clock
    registry_effects: RegistryEffects
    proposal_effects: ProposalEffects
    announcements: Announcements
    notify: Mapping[str, Sequence[str]]
    browser_url: str


@dataclass(frozen=True, kw_only=True)
class _Handlers:
    """Every reaction, ready to be called; `announce` is one per endpoint, with its patterns."""

    register: Register
    evaluate: Evaluate
    mark: Mark
    propose: Propose
    withdraw: Withdraw
    vouch: Vouch
    merge: Merge
    confirm: Confirm
    announce: Sequence[tuple[Announce, Sequence[str]]]


def routes(needs: Needs) -> tuple[Route[Any], ...]:
    """Return every reaction of the program, in story order."""
    on = _handlers(needs)
    return (
        _row(e.TrainingCompleted, on.register, _model),
        _row(e.VersionRegistered, on.evaluate, _version),
        _row(e.EvaluationRequested, on.evaluate, _version),
        _row(e.EvaluationStarted, on.vouch, _version),
        _row(e.GateFinished, on.evaluate, _version),
        _row(e.DeadlinePassed, on.evaluate, _judged_by),
        _row(e.EvaluationPassed, on.mark, _model),
        _row(e.EvaluationPassed, on.vouch, _version),
        _row(e.EvaluationPassed, on.merge, _version),
        _row(e.EvaluationFailed, on.withdraw, _version),
        _row(e.EvaluationFailed, on.vouch, _version),
        _row(e.EvaluationInconclusive, on.vouch, _version),
        _row(e.PromotionRequested, on.propose, _slot),
        _row(e.PromotionProposed, on.vouch, _slot),
        _row(e.PromotionProposed, on.merge, _slot),
        _row(e.PromotionUpdated, on.vouch, _slot),
        _row(e.PromotionUpdated, on.merge, _slot),
        _row(e.ApprovalGiven, on.vouch, _slot),
        _row(e.ApprovalGiven, on.merge, _slot),
        _row(e.ApprovalVoided, on.vouch, _slot),
        _row(e.PromotionApproved, on.mark, _model),
        _row(e.PromotionRejected, on.mark, _model),
        _row(e.PromotionSuperseded, on.mark, _model),
        _row(e.PromotionWithdrawn, on.mark, _model),
        _row(e.RolloutStarted, on.confirm, _slot),
        _row(e.RolloutProgressed, on.confirm, _slot),
        _row(e.RolloutSucceeded, on.confirm, _slot),
        _row(e.RolloutFailed, on.confirm, _slot),
        _row(e.RolloutRegressed, on.confirm, _slot),
        _row(e.RolloutSuperseded, on.confirm, _slot),
        _row(e.ServingChanged, on.mark, _served_model),
        _row(e.ServingChanged, on.withdraw, _slot),
        _row(e.ServingChanged, on.vouch, _slot),
        _row(e.ServingChanged, on.merge, _slot),
        _row(e.VersionDeleted, on.withdraw, _version),
        _row(e.DriftFound, on.mark, _put_right),
        *(
            Route(kind=kind, name="announce", handler=one, lane=_endpoint(one), part=one.endpoint)
            for kind in e.CATALOG
            for one, patterns in on.announce
            if wanted(patterns, kind)
        ),
    )


def _handlers(n: Needs) -> _Handlers:
    """Give each reaction what it needs and nothing else."""
    views, policies, people = n.views, n.policies, n.people
    marks, proposals = n.registry_effects, n.proposal_effects
    return _Handlers(
        register=Register(registry=n.registry, effects=marks, views=views),
        evaluate=Evaluate(registry=n.registry, views=views, policies=policies, clock=n.clock),
        mark=Mark(views=views, policies=policies, effects=marks),
        propose=Propose(
            registry=n.registry,
            forges=n.forges,
            views=views,
            policies=policies,
            effects=proposals,
            browser_url=n.browser_url,
        ),
        withdraw=Withdraw(views=views, policies=policies, effects=proposals),
        vouch=Vouch(
            forges=n.forges, views=views, policies=policies, people=people, effects=proposals
        ),
        merge=Merge(
            forges=n.forges, views=views, policies=policies, people=people, effects=proposals
        ),
        confirm=Confirm(views=views, effects=proposals),
        announce=[
            (Announce(endpoint=endpoint, effects=n.announcements), patterns)
            for endpoint, patterns in n.notify.items()
        ],
    )


def _row(kind: type[E], handler: Any, lane: Callable[[E], str | None]) -> Route[E]:  # noqa: ANN401
    """Return one row; a handler's name is its class's, as its file's."""
    return Route(kind=kind, name=type(handler).__name__.lower(), handler=handler, lane=lane)


def _model(event: e.Event) -> str | None:
    return f"model:{event.head.key}"


def _served_model(event: e.ServingChanged) -> str | None:
    return f"model:{event.version.key}" if event.version else None


def _version(event: e.Event) -> str | None:
    return f"version:{event.head.subject}"


def _judged_by(event: e.DeadlinePassed) -> str | None:
    """Return the lane of a verdict that a gate window or a waiver kept open."""
    about_gates = event.what in {"gate window", "waiver"}
    return f"version:{event.version.path}" if about_gates and event.version else None


def _slot(event: Any) -> str | None:  # noqa: ANN401 - any event with a slot
    return f"slot:{event.slot.key}"


def _put_right(event: e.DriftFound) -> str | None:
    return f"model:{event.head.key}" if event.ours else None


def _endpoint(one: Announce) -> Callable[[e.Event], str | None]:
    return lambda _: f"endpoint:{one.endpoint}"
