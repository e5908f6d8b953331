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
from processor.ports.route import Route
from processor.rules.announcement import wanted

E = TypeVar("E", bound=e.Event)


@dataclass(frozen=True, kw_only=True)
class Handlers:
    """Every reaction, ready to be called; `announce` is one per endpoint, with its patterns."""

    register: Register
    evaluate: Evaluate
    mark: Mark
    propose: Propose
    withdraw: Withdraw
    vouch: Vouch
    merge: Merge
    confirm: Confirm
    announce: Mapping[Announce, Sequence[str]]


def routes(on: Handlers) -> tuple[Route[Any], ...]:
    """Return every reaction of the program, in story order."""
    return (
        _row(e.TrainingCompleted, on.register, _model),
        _row(e.VersionRegistered, on.evaluate, _version),
        _row(e.EvaluationRequested, on.evaluate, _version),
        _row(e.GateFinished, on.evaluate, _version),
        _row(e.DeadlinePassed, on.evaluate, _version),
        _row(e.EvaluationPassed, on.mark, _model),
        _row(e.EvaluationPassed, on.vouch, _version),
        _row(e.EvaluationPassed, on.merge, _version),
        _row(e.EvaluationFailed, on.withdraw, _version),
        _row(e.EvaluationFailed, on.vouch, _version),
        _row(e.EvaluationInconclusive, on.vouch, _version),
        _row(e.PromotionRequested, on.propose, _slot),
        _row(e.PromotionProposed, on.vouch, _slot),
        _row(e.PromotionProposed, on.merge, _slot),
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
            for one, patterns in on.announce.items()
            if wanted(patterns, kind)
        ),
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


def _slot(event: Any) -> str | None:  # noqa: ANN401 - any event with a slot
    return f"slot:{event.slot.key}"


def _put_right(event: e.DriftFound) -> str | None:
    return f"model:{event.head.key}" if event.ours else None


def _endpoint(one: Announce) -> Callable[[e.Event], str | None]:
    return lambda _: f"endpoint:{one.endpoint}"
