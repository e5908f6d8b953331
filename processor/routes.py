"""THE TABLE OF CONTENTS: event -> handlers, in story order, with lane and part.

Place in the flow: `app` builds it once; `engine/ingest` makes work rows from it, `engine/worker`
calls the handlers. Nothing else in the program pairs events with reactions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from processor import events as e
from processor.handlers.advance import Advance
from processor.handlers.announce import Announce
from processor.handlers.confirm import Confirm
from processor.handlers.evaluate import Evaluate
from processor.handlers.heed import Heed
from processor.handlers.mark import Mark
from processor.handlers.merge import Merge
from processor.handlers.propose import Propose
from processor.handlers.register import Register
from processor.handlers.renew import Renew
from processor.handlers.start_gates import StartGates
from processor.handlers.vouch import Vouch
from processor.handlers.withdraw import Withdraw
from processor.policy.policy import Policies, PolicyTie
from processor.ports.clock import Clock
from processor.ports.effects import Announcements, ProposalEffects, RegistryEffects
from processor.ports.evaluator import Evaluator
from processor.ports.reading.forge import ForgeReader
from processor.ports.reading.registry import RegistryReader
from processor.ports.route import Route
from processor.ports.views import Views
from processor.queries.owed import Proposals
from processor.rules.announcement import wanted
from processor.rules.slots import slot_of
from processor.values.people import People
from processor.values.principal import SLUICE
from processor.values.version import key_of, parts_of

E = TypeVar("E", bound=e.Event)
_AtTarget = e.TargetHeld | e.TargetReleased | e.DeadlinePassed

_SHARE = (120.0, 8)
"""The seconds one turn may take, and how many a handler may have at once for one part."""
_SHARES = {
    "evaluate": (120.0, 16),  # it only reads, and a pipeline may register many versions at once
    "start_gates": (60.0, 4),  # starting programs is quick, and they share this machine
    "announce": (30.0, 2),  # a dead receiver costs two lanes of the worker's, and not for long
}


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What reactions look at and act through; `notify` maps an endpoint to its patterns.

    What happened outside before `doubtful_until` a restored ledger may have asked for in the life
    it lost (None: it was not restored).
    """

    registry: RegistryReader
    forges: Mapping[str, ForgeReader]
    views: Views
    policies: Policies
    people: People
    clock: Clock
    evaluator: Evaluator
    registry_effects: RegistryEffects
    proposal_effects: ProposalEffects
    announcements: Announcements
    notify: Mapping[str, Sequence[str]]
    browser_url: str
    doubtful_until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class _Handlers:
    """Every reaction, ready to be called; `announce` is one per endpoint, with its patterns."""

    register: Register
    evaluate: Evaluate
    start_gates: StartGates
    heed: Heed
    mark: Mark
    propose: Propose
    withdraw: Withdraw
    vouch: Vouch
    merge: Merge
    confirm: Confirm
    advance: Advance
    renew: Renew
    announce: Sequence[tuple[Announce, Sequence[str]]]


def routes(needs: Needs) -> tuple[Route[Any], ...]:
    """Return every reaction of the program, in story order."""
    on, policies = _handlers(needs), needs.policies
    at_target = _target_of(policies)
    targets = sorted({target.name for policy in policies.all for target in policy.targets})
    return (
        _row(e.TrainingCompleted, on.register, _model),
        _row(e.VersionRegistered, on.evaluate, _version),
        _row(e.VersionStageChanged, on.heed, _foreign),
        _row(e.VersionTagSet, on.heed, _foreign),
        _row(e.EvaluationRequested, on.evaluate, _version),
        _row(e.EvaluationRequested, on.mark, _model),
        _row(e.EvaluationStarted, on.start_gates, _gates),
        _row(e.EvaluationStarted, on.vouch, _version),
        _row(e.GateFinished, on.evaluate, _version),
        _row(e.WaiverGiven, on.evaluate, _version),
        _row(e.DeadlinePassed, on.evaluate, _judged_by),
        _row(e.EvaluationPassed, on.mark, _model),
        _row(e.EvaluationPassed, on.vouch, _version),
        _row(e.EvaluationPassed, on.merge, _version),
        _row(e.EvaluationPassed, on.advance, _model),
        _row(e.EvaluationFailed, on.withdraw, _version),
        _row(e.EvaluationFailed, on.vouch, _version),
        _row(e.EvaluationInconclusive, on.vouch, _version),
        _row(e.PromotionRequested, on.propose, _slot),
        _row(e.PromotionProposed, on.withdraw, _slot),
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
        _row(e.PromotionExpired, on.mark, _model),
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
        _row(e.DeadlinePassed, on.advance, _soaked),
        _row(e.DeadlinePassed, on.propose, _undecided),
        _row(e.DeadlinePassed, on.withdraw, _undecided),
        _row(e.DeadlinePassed, on.renew, at_target),
        _row(e.DeadlinePassed, on.vouch, at_target),
        _row(e.DeadlinePassed, on.merge, at_target),
        _row(e.TargetHeld, on.vouch, at_target),
        _row(e.TargetReleased, on.renew, at_target),
        _row(e.TargetReleased, on.vouch, at_target),
        _row(e.TargetReleased, on.merge, at_target),
        *(
            _row(kind, replace(on.propose, target=name), _slot_at(policies, name), part=name)
            for kind in (e.ModeChanged, e.VersionDeleted)
            for name in targets
        ),
        _row(e.ModeChanged, on.renew, _widened),
        _row(e.ModeChanged, on.withdraw, _widened),
        _row(e.ModeChanged, on.vouch, _widened),
        _row(e.ModeChanged, on.merge, _widened),
        _row(e.ModeChanged, on.confirm, _widened),
        _row(e.ModeChanged, on.mark, _widened),
        _row(e.VersionDeleted, on.withdraw, _version),
        _row(e.VersionDeleted, on.heed, _foreign),
        _row(e.VersionObserved, on.withdraw, _renamed),
        _row(e.DriftFound, on.mark, _put_right),
        *(
            _row(kind, one, _endpoint(one), part=one.endpoint)
            for kind in e.CATALOG
            for one, patterns in on.announce
            if wanted(patterns, kind)
        ),
    )


def _handlers(n: Needs) -> _Handlers:
    """Give each reaction what it needs and nothing else."""
    views, policies = n.views, n.policies
    marks, proposals = n.registry_effects, n.proposal_effects
    opened = Proposals(forges=n.forges, views=views, people=n.people)
    return _Handlers(
        register=Register(registry=n.registry, effects=marks, views=views),
        evaluate=Evaluate(
            registry=n.registry, views=views, policies=policies, people=n.people, clock=n.clock
        ),
        start_gates=StartGates(
            registry=n.registry, views=views, policies=policies, evaluator=n.evaluator
        ),
        heed=Heed(views=views, policies=policies, doubtful_until=n.doubtful_until),
        mark=Mark(views=views, policies=policies, effects=marks),
        propose=Propose(
            registry=n.registry,
            forges=n.forges,
            views=views,
            policies=policies,
            effects=proposals,
            clock=n.clock,
            browser_url=n.browser_url,
        ),
        withdraw=Withdraw(views=views, policies=policies, effects=proposals),
        vouch=Vouch(views=views, policies=policies, proposals=opened, effects=proposals),
        merge=Merge(views=views, policies=policies, proposals=opened, effects=proposals),
        confirm=Confirm(views=views, effects=proposals),
        advance=Advance(views=views, policies=policies),
        renew=Renew(views=views, policies=policies),
        announce=[
            (Announce(endpoint=endpoint, effects=n.announcements), patterns)
            for endpoint, patterns in n.notify.items()
        ],
    )


def _row(
    kind: type[E],
    handler: Any,  # noqa: ANN401
    lane: Callable[[E], str | None],
    part: str = "",
) -> Route[E]:
    """Return one row; a handler is called what its file is."""
    name = type(handler).__module__.rpartition(".")[2]
    limit, together = _SHARES.get(name, _SHARE)
    return Route(
        kind=kind,
        name=name,
        handler=handler,
        lane=lane,
        part=part,
        limit=limit,
        together=together,
    )


def _model(event: e.Event) -> str | None:
    return f"model:{event.head.key}"


def _served_model(event: e.ServingChanged) -> str | None:
    return f"model:{event.version.key}" if event.version else None


def _version(event: e.Event) -> str | None:
    return f"version:{event.head.subject}"


def _foreign(event: e.Event) -> str | None:
    """Return the lane of what somebody else did: our own writes start nothing."""
    return None if event.head.actor == SLUICE else _version(event)


def _renamed(event: e.VersionObserved) -> str | None:
    """Return the lane of a version whose model has another name now."""
    return f"version:{event.was.path}" if event.was else None


def _gates(event: e.EvaluationStarted) -> str | None:
    return f"gates:{event.head.subject}"


def _judged_by(event: e.DeadlinePassed) -> str | None:
    """Return the lane of a verdict that a gate window or a waiver kept open."""
    about_gates = event.what in {"gate window", "waiver"}
    return f"version:{event.version.path}" if about_gates and event.version else None


def _soaked(event: e.DeadlinePassed) -> str | None:
    """Return the lane of what goes on to the next target."""
    soak = event.what == "soak" and event.version is not None
    return f"model:{event.head.key}" if soak else None


def _undecided(event: e.DeadlinePassed) -> str | None:
    """Return the lane of what nobody decided in time, or of what could not even be proposed."""
    expiry = event.what == "proposal" and event.slot is not None
    return f"slot:{event.slot.key}" if expiry and event.slot else None


def _widened(event: e.ModeChanged) -> str | None:
    """Return the lane of what a mode that allows more lets go on; less needs no reaction."""
    modes = ("observe", "propose", "full")
    more = modes.index(event.new) > modes.index(event.old)
    return f"model:{event.head.key}" if more else None


def _target_of(policies: Policies) -> Callable[[_AtTarget], str | None]:
    """Return the lane of what happened to a model's target: its slot's."""

    def lane(event: _AtTarget) -> str | None:
        if isinstance(event, e.DeadlinePassed) and event.what != "hold":
            return None
        return _slot_at(policies, event.target)(event)

    return lane


def _slot_at(policies: Policies, name: str) -> Callable[[e.Event], str | None]:
    """Return the lane of a model's slot at a target, None where its policy has none of the name.

    Two policies that tie are the handler's to tell: it has the model's lane then.
    """

    def lane(event: e.Event) -> str | None:
        if isinstance(event, e.ModeChanged) and _widened(event) is None:
            return None
        _, workspace, model = parts_of(event.head.key)
        try:
            policy = policies.ruling(workspace, model)
        except PolicyTie:
            return f"model:{event.head.key}"
        target = policy.target(name) if policy else None
        return f"slot:{slot_of(target, model).key}" if target else None

    return lane


def _slot(event: Any) -> str | None:  # noqa: ANN401 - any event with a slot
    return f"slot:{event.slot.key}"


def _put_right(event: e.DriftFound) -> str | None:
    return f"model:{event.head.key}" if event.ours else None


def _endpoint(one: Announce) -> Callable[[e.Event], str | None]:
    """Return the lanes of an endpoint, one per model: a pause may stop one model's news alone.

    What happens to the program itself has its own: no pause stops it.
    """
    return lambda event: (
        f"endpoint:{one.endpoint}:operations"
        if event.topic == "operations"
        else f"endpoint:{one.endpoint}:{key_of(*parts_of(event.head.key)[:3])}"
    )
