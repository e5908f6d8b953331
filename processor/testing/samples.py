"""One valid event of every type, with fixed values.

Place in the flow: `schemas/examples` is written from these, contract tests of logs and codecs
feed on them, and people writing a consumer can use them as their test data.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from processor import events as said
from processor.events import Event
from processor.values.about import About
from processor.values.evaluation import Comparison, GateResult, MetricRow, Training
from processor.values.principal import UNKNOWN, Principal, claimed
from processor.values.promotion import promotion_id_of
from processor.values.proposal import ProposalRef, ScalarEdit
from processor.values.registry import Dataset
from processor.values.slot import Slot
from processor.values.version import Version

NOW = datetime(2026, 4, 1, 9, 30, tzinfo=UTC)
RUN = "5f0c1d2e3b4a59687786950a1b2c3d4e"
CHAMPION = Version("main", "default", "fraud", "1", 1_774_000_000_000)
CANDIDATE = Version("main", "default", "fraud", "2", 1_775_000_000_000)
TARGET = "production"
URI = "s3://mlflow/1/models/m-2f7a/artifacts"
SLOT = Slot(
    "acme",
    "acme/gitops",
    "main",
    "apps/production/fraud.yaml",
    "InferenceService/fraud",
    "spec.predictor.model.storageUri",
)
ANA = Principal("ana", "authenticated")
BORIS = claimed("boris")
HEAD_SHA = "3b18e512dba79e4c8300dd08aeb37f8e728b8dad"
BASE_SHA = "f572d396fae9206628714fb2ce00f72e94f2258f"
MERGE_SHA = "8c7e5a667f1b771847fe88c01c3de34413a1b220"
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

_BETTER = GateResult(
    "accuracy >= 0.92", "metric", "passed", evidence=(("accuracy", "0.951"), ("bound", "0.92"))
)
_WORSE = GateResult("accuracy >= 0.92", "metric", "failed", "accuracy 0.874 is below 0.92")
_SILENT = GateResult("auc not worse than serving", "metric", "inconclusive", "auc was not logged")
_COMPARISON = Comparison(
    CHAMPION, (MetricRow("accuracy", "0.951", "0.934", "+0.017", "higher", ">= 0.92", "passed"),)
)
_TRAINING = Training(
    RUN,
    NOW - timedelta(hours=1),
    BORIS,
    (("accuracy", "0.951"),),
    (Dataset("transactions-march", "5d41402a", "training"),),
)


_MODEL = About("main", "default", "fraud")
_NAMED = {"workspace": "default", "model": "fraud"}
_VERSION = About.of(CANDIDATE)
_AT_TARGET = About.of(CANDIDATE, TARGET)
_SLOT_OF = About("main", "default", "fraud", target=TARGET)
_SLUICE = Principal("sluice", "authenticated")


def _say(kind: type[Event], about: About, actor: Principal = _SLUICE, **data: object) -> Event:
    """Return an event of a kind, headed as its real speaker would head it."""
    head = kind.heading(about, "sample", actor=actor, time=NOW)
    return kind.model_validate({"head": head, **data})


def _foreign(kind: type[Event], source: str, identifier: str, **data: object) -> Event:
    """Return an event another system sent."""
    said_by: dict[str, Any] = {"id": identifier, "source": source, "actor": claimed(source)}
    head = _say(kind, _MODEL, _SLUICE, **data).head.model_copy(update=said_by)
    return kind.model_validate({"head": head, **data})


def _promoted(kind: type[Event], actor: Principal = _SLUICE, **data: object) -> Event:
    """Return an event about the sample promotion."""
    promotion: dict[str, Any] = {
        "promotion_id": PROMOTION_ID,
        "version": CANDIDATE,
        "target": TARGET,
    }
    return _say(kind, _AT_TARGET, actor, **promotion, **data)


_REQUESTED = _say(
    said.PromotionRequested,
    _AT_TARGET,
    version=CANDIDATE,
    target=TARGET,
    slot=SLOT,
    evaluation_id=said.EvaluationPassed.heading(_VERSION, "sample").id,
)
PROMOTION_ID = promotion_id_of(_REQUESTED.head.id)

_PROPOSAL = ProposalRef(
    7, "http://127.0.0.1:8080/p/7", f"sluice/{PROMOTION_ID}", HEAD_SHA, BASE_SHA
)
_PUSHED = replace(_PROPOSAL, head_sha="91ac5e0f2c7d4b1e8a6f3d2c1b0a99887766554e")
_CHANGE: dict[str, Any] = {"slot": SLOT, "uri": URI}
_JUDGED: dict[str, Any] = {
    "version": CANDIDATE,
    "policy_digest": DIGEST,
    "comparison": _COMPARISON,
    "training": _TRAINING,
}
_SEEN: dict[str, Any] = {
    "version": CANDIDATE,
    "run_id": RUN,
    "stage": "None",
    "artifact": "models:/m-2f7a",
}

_ROW: dict[str, Any] = {
    "work_id": 7,
    "handler": "propose",
    "part": TARGET,
    "event_id": _REQUESTED.head.id,
}

SAMPLES: tuple[Event, ...] = (
    _foreign(
        said.TrainingCompleted,
        "/pipelines/nightly",
        "run-20260401",
        run_id=RUN,
        model="fraud",
        registration="please",
    ),
    _foreign(
        said.ForeignReported,
        "/scanners/models",
        "scan-77",
        type="scan.completed",
        model="fraud",
        version="2",
        verdict="passed",
        reason="no findings",
    ),
    _say(said.ModelCreated, _MODEL, UNKNOWN, **_NAMED),
    _say(said.ModelRenamed, _MODEL, UNKNOWN, **_NAMED, old="fraud-draft", new="fraud"),
    _say(said.ModelDescribed, _MODEL, UNKNOWN, **_NAMED, old="", new="Card fraud, EU"),
    _say(said.ModelTagSet, _MODEL, UNKNOWN, **_NAMED, tag="team", value="risk", previous=None),
    _say(said.ModelTagRemoved, _MODEL, UNKNOWN, **_NAMED, tag="team", previous="risk"),
    _say(said.ModelDeleted, _MODEL, UNKNOWN, **_NAMED),
    _say(said.VersionObserved, _VERSION, UNKNOWN, **_SEEN),
    _say(said.VersionRegistered, _VERSION, BORIS, **_SEEN),
    _say(said.VersionStageChanged, _VERSION, UNKNOWN, version=CANDIDATE, old="None", new="Staging"),
    _say(said.VersionDescribed, _VERSION, UNKNOWN, version=CANDIDATE, old="", new="March data"),
    _say(
        said.VersionTagSet,
        _VERSION,
        UNKNOWN,
        version=CANDIDATE,
        tag="data.lookback_days",
        value="30",
        previous="90",
    ),
    _say(
        said.VersionTagRemoved,
        _VERSION,
        UNKNOWN,
        version=CANDIDATE,
        tag="data.lookback_days",
        previous="30",
    ),
    _say(said.VersionDeleted, _VERSION, UNKNOWN, version=CANDIDATE),
    _say(
        said.AliasSet,
        _MODEL,
        UNKNOWN,
        workspace="default",
        model="fraud",
        alias="champion",
        number="2",
        previous="1",
    ),
    _say(
        said.AliasRemoved,
        _MODEL,
        UNKNOWN,
        workspace="default",
        model="fraud",
        alias="champion",
        previous="2",
    ),
    _say(
        said.DriftFound,
        _VERSION,
        version=CANDIDATE,
        field="stage",
        expected="Production",
        actual="Archived",
        ours=False,
    ),
    _say(said.EvaluationRequested, _VERSION, ANA, version=CANDIDATE, reason="new test data"),
    _say(
        said.EvaluationStarted,
        _VERSION,
        version=CANDIDATE,
        policy_digest=DIGEST,
        results=(_BETTER,),
        pending=("scan.completed", "command:bias check"),
        due=NOW + timedelta(hours=1),
    ),
    _say(
        said.GateStarted,
        _VERSION,
        version=CANDIDATE,
        evaluation_id=said.EvaluationStarted.heading(_VERSION, "sample").id,
        gate="command:bias check",
        job="0f3c1d2e-3b4a-5968-8796-950a1b2c3d4e",
    ),
    _say(
        said.GateFinished,
        _VERSION,
        version=CANDIDATE,
        evaluation_id=said.EvaluationStarted.heading(_VERSION, "sample").id,
        event="scan.completed",
        result=GateResult("scan.completed says passed", "event", "passed", "no findings"),
    ),
    _say(said.EvaluationPassed, _VERSION, results=(_BETTER,), **_JUDGED),
    _say(said.EvaluationFailed, _VERSION, results=(_WORSE,), **_JUDGED),
    _say(said.EvaluationInconclusive, _VERSION, results=(_BETTER, _SILENT), **_JUDGED),
    _say(
        said.WaiverGiven,
        _VERSION,
        ANA,
        version=CANDIDATE,
        gate="auc not worse than serving",
        reason="the metric is new; the next run logs it",
        until=NOW,
    ),
    _REQUESTED,
    _promoted(
        said.PromotionProposed,
        **_CHANGE,
        proposal=_PROPOSAL,
        edits=(ScalarEdit(SLOT.file, SLOT.object, SLOT.path, "s3://mlflow/1/models/m-1b0c", URI),),
    ),
    _promoted(
        said.PromotionUpdated, slot=SLOT, proposal=_PUSHED, committers=(BORIS,), reason="pushed to"
    ),
    _promoted(said.PromotionSuperseded, reason="fraud v3 was requested for the same slot"),
    _promoted(said.PromotionWithdrawn, reason="fraud v2 was deleted from the registry"),
    _promoted(said.PromotionExpired, reason="it was open for 14 days"),
    _promoted(said.PromotionRejected, ANA, by=ANA, reason="not before the holidays"),
    _promoted(
        said.PromotionApproved,
        ANA,
        **_CHANGE,
        merge_sha=MERGE_SHA,
        merged_by=_SLUICE,
        approvals=(ANA,),
    ),
    _promoted(
        said.PromotionBypassed,
        BORIS,
        **_CHANGE,
        merge_sha=MERGE_SHA,
        merged_by=BORIS,
        unmet=("one approval of ana is missing",),
    ),
    _promoted(said.ApprovalGiven, ANA, slot=SLOT, head_sha=HEAD_SHA),
    _promoted(
        said.ApprovalVoided, slot=SLOT, by=ANA, head_sha="a" * 40, reason="the head moved after it"
    ),
    _say(
        said.VersionMarked,
        _VERSION,
        version=CANDIDATE,
        mark="alias:champion",
        value="2",
        previous="1",
    ),
    _promoted(said.RolloutStarted, **_CHANGE),
    _promoted(said.RolloutProgressed, **_CHANGE, detail="the new server loads the model"),
    _promoted(
        said.RolloutSucceeded,
        **_CHANGE,
        endpoint="http://127.0.0.1:9001/invocations",
        prediction='{"predictions":[1]}',
    ),
    _promoted(said.RolloutFailed, **_CHANGE, reason="no answer within 20 minutes"),
    _promoted(said.RolloutRegressed, **_CHANGE, reason="the server stopped answering"),
    _promoted(said.RolloutSuperseded, **_CHANGE),
    _say(
        said.ServingChanged,
        _SLOT_OF,
        UNKNOWN,
        target=TARGET,
        **_CHANGE,
        version=CANDIDATE,
        approved=True,
        promotion_id=PROMOTION_ID,
        endpoint="http://127.0.0.1:9001/invocations",
        prediction='{"predictions":[1]}',
    ),
    _say(said.TargetAdopted, _SLOT_OF, UNKNOWN, target=TARGET, **_CHANGE, version=CHAMPION),
    _say(said.TargetHeld, _SLOT_OF, ANA, target=TARGET, reason="the freeze before the holidays"),
    _say(said.TargetReleased, _SLOT_OF, ANA, target=TARGET, reason="the holidays are over"),
    _say(said.WritesPaused, _MODEL, ANA, model_key=CANDIDATE.key, reason="the forge misbehaves"),
    _say(said.WritesResumed, _MODEL, ANA, model_key=CANDIDATE.key, reason="it is well again"),
    _say(said.ModeChanged, _MODEL, old="observe", new="propose"),
    _say(
        said.DeadlinePassed,
        _VERSION,
        deadline=f"gates:{CANDIDATE.path}",
        what="gate window",
        event_id=said.EvaluationStarted.heading(_VERSION, "sample").id,
        due=NOW,
        version=CANDIDATE,
    ),
    _say(
        said.SourceStalled,
        About("main"),
        name="registry changes",
        since=NOW - timedelta(minutes=10),
        reason="registry: nothing listens at http://mlflow:5000",
    ),
    _say(
        said.WorkDied,
        _MODEL,
        handler="propose",
        part=TARGET,
        event_id=_REQUESTED.head.id,
        reason="apps/production/fraud.yaml holds no InferenceService named fraud",
    ),
    _say(said.WorkRetried, _MODEL, ANA, **_ROW, reason="the file is there now"),
    _say(said.WorkDropped, _MODEL, ANA, **_ROW, reason="the model was retired"),
)
"""In the order of the catalogue, one of each."""
