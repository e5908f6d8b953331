"""Fold versions, by version path.

Place in the flow: the view `versionrecord`: stage, newest judgement, and which of our marks a
stranger has replaced.
"""

from dataclasses import replace
from datetime import datetime

from processor.events import (
    DeadlinePassed,
    DriftFound,
    EvaluationFailed,
    EvaluationInconclusive,
    EvaluationPassed,
    EvaluationStarted,
    Event,
    GateFinished,
    GateStarted,
    Judged,
    VersionDeleted,
    VersionMarked,
    VersionObserved,
    VersionRegistered,
    VersionStageChanged,
    VersionTagRemoved,
    VersionTagSet,
    WaiverGiven,
)
from processor.rules.history.strangers import marked, moved
from processor.values.record import ASKING_TAG, Judgement, VersionRecord, Waiver

ROW = VersionRecord

_SEEN = (VersionObserved, VersionRegistered)
_JUDGED = (EvaluationPassed, EvaluationFailed, EvaluationInconclusive)


def keys_of(event: Event) -> tuple[str, ...]:
    """Return the version an event concerns; alias marks belong to the model."""
    if isinstance(event, VersionMarked | DriftFound):
        mark = event.mark if isinstance(event, VersionMarked) else event.field
        return () if mark.startswith("alias:") else (event.version.path,)
    if isinstance(event, VersionObserved) and event.was is not None:
        return (event.version.path, event.was.path)
    if isinstance(event, VersionTagSet | VersionTagRemoved):
        return (event.version.path,) if event.tag == ASKING_TAG else ()
    if isinstance(event, DeadlinePassed):
        return (event.version.path,) if event.what == "waiver" and event.version else ()
    concerned = (
        *_SEEN,
        *_JUDGED,
        VersionStageChanged,
        VersionDeleted,
        EvaluationStarted,
        GateStarted,
        GateFinished,
        WaiverGiven,
    )
    return (event.version.path,) if isinstance(event, concerned) else ()


def columns(row: VersionRecord) -> tuple[str, str, str]:
    """Return model key, no slot, and `live` or `deleted`."""
    return row.version.key, "", "deleted" if row.deleted else "live"


def fold(
    row: VersionRecord | None,
    event: Event,
    at: datetime,
    key: str,
) -> VersionRecord | None:
    """Return the version's record after the event; under its old name a version is gone."""
    if isinstance(event, VersionObserved) and event.was is not None and key == event.was.path:
        return replace(row, deleted=True) if row else None
    return _first(event, at) if row is None else _next(row, event, at)


def _next(row: VersionRecord, event: Event, at: datetime) -> VersionRecord:
    """Return a known version's record after the event."""
    match event:
        case VersionDeleted():
            return replace(row, deleted=True)
        case VersionStageChanged() | VersionMarked() | VersionTagSet() | VersionTagRemoved():
            return _written(row, event)
        case EvaluationStarted() | GateStarted() | GateFinished():
            return replace(row, judgement=_in_progress(row.judgement, event, at))
        case WaiverGiven():
            given = Waiver(event.gate, event.head.actor, event.reason, event.until, event.head.id)
            others = tuple(one for one in row.waivers if one.gate != event.gate)
            return replace(row, waivers=(*others, given))
        case DeadlinePassed():
            left = tuple(one for one in row.waivers if one.event_id != event.event_id)
            return replace(row, waivers=left)
        case EvaluationPassed() | EvaluationFailed() | EvaluationInconclusive():
            return replace(row, judgement=_judged(event, at))
        case _:
            return row


def _written(
    row: VersionRecord,
    event: VersionStageChanged | VersionMarked | VersionTagSet | VersionTagRemoved,
) -> VersionRecord:
    """Return the record after its stage or the asking tag was written, by whoever it was."""
    match event:
        case VersionStageChanged():
            authors = moved(event, "stage", row.stage, row.authors)
            return replace(row, stage=event.new, authors=authors)
        case VersionMarked(mark="stage"):
            stage, authors = marked(row.stage, event, row.authors)
            return replace(row, stage=stage, authors=authors)
        case VersionTagSet():
            return replace(row, asks=event.value)
        case _:
            return replace(row, asks=None)


def _first(event: Event, at: datetime) -> VersionRecord | None:
    """Return the record the first sight of a version makes."""
    if not isinstance(event, VersionObserved | VersionRegistered):
        return None
    return VersionRecord(
        version=event.version,
        run_id=event.run_id,
        stage=event.stage,
        source=event.artifact,
        seen_at=at,
        baseline=isinstance(event, VersionObserved),
    )


def _judged(event: Judged, at: datetime) -> Judgement:
    """Return the judgement a verdict makes."""
    return Judgement(
        event_id=event.head.id,
        at=at,
        policy_digest=event.policy_digest,
        verdict=event.verdict,
        results=event.results,
        comparison=event.comparison,
        training=event.training,
    )


def _in_progress(
    judgement: Judgement | None, event: EvaluationStarted | GateStarted | GateFinished, at: datetime
) -> Judgement | None:
    """Return the judgement while gates are still out."""
    if isinstance(event, EvaluationStarted):
        return Judgement(
            event_id=event.head.id,
            at=at,
            policy_digest=event.policy_digest,
            verdict=None,
            results=event.results,
            pending=event.pending,
            due=event.due,
            # Who trained it stays known: nobody approves their own while it is judged again.
            training=judgement.training if judgement else None,
        )
    if judgement is None or judgement.event_id != event.evaluation_id:
        return judgement
    if isinstance(event, GateStarted):
        if event.gate not in judgement.pending or event.gate in judgement.running:
            return judgement
        return replace(judgement, running=(*judgement.running, event.gate))
    if event.event not in judgement.pending:
        return judgement
    return replace(
        judgement,
        results=(*judgement.results, event.result),
        pending=tuple(gate for gate in judgement.pending if gate != event.event),
        running=tuple(gate for gate in judgement.running if gate != event.event),
    )
