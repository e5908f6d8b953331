"""Every event in one sentence.

Place in the flow: `history` prints them, on the page and on the command line.
"""

from collections.abc import Mapping

from processor.events import Event, Judged, ServingChanged
from processor.values.version import parts_of
from processor.views.standing import said_of

SENTENCES: Mapping[str, str] = {
    "training.completed": "run {e.run_id} finished training {e.model}",
    "foreign.reported": "{e.type} says {e.verdict} about {e.model} v{e.version}",
    "model.created": "the model {e.model} is there now",
    "model.renamed": "the model {e.old} is called {e.model} now",
    "model.described": "the description of {e.model} changed",
    "model.tag_set": "tag {e.tag} of {e.model} is {e.value} now",
    "model.tag_removed": "tag {e.tag} of {e.model} is gone; it was {e.previous}",
    "model.deleted": "the model {e.model} was deleted",
    "model_version.observed": "{e.version} was there at the first look, in stage {e.stage}",
    "model_version.registered": "{e.version} was registered from run {e.run_id}",
    "model_version.stage_changed": "{e.version} moved from {e.old} to {e.new}",
    "model_version.described": "the description of {e.version} changed",
    "model_version.tag_set": "tag {e.tag} of {e.version} is {e.value} now",
    "model_version.tag_removed": "tag {e.tag} of {e.version} is gone; it was {e.previous}",
    "model_version.deleted": "{e.version} was deleted",
    "alias.set": "alias {e.alias} names v{e.number} now",
    "alias.removed": "alias {e.alias} is gone; it named v{e.previous}",
    "drift.found": "{e.field} of {e.version} is {e.actual}, and {e.expected} was asked for",
    "evaluation.requested": "{e.version} is to be judged again",
    "evaluation.started": "{e.version} is being judged; other systems answer until {e.due}",
    "gate.started": "{e.gate} was started for {e.version}",
    "gate.finished": "{e.event} answered for {e.version}: {e.result.verdict}",
    "evaluation.passed": "{e.version} passed every gate",
    "evaluation.failed": "{e.version} failed",
    "evaluation.inconclusive": "nobody can say whether {e.version} passes",
    "waiver.given": "{e.gate} is waived for {e.version} until {e.until}",
    "promotion.requested": "{e.version} was asked for at {e.target}",
    "promotion.proposed": "proposal {e.proposal.number} would bring {e.version} to {e.target}",
    "promotion.updated": "proposal {e.proposal.number} of {e.version} for {e.target} was pushed to",
    "promotion.superseded": "the promotion of {e.version} to {e.target} was superseded",
    "promotion.withdrawn": "the promotion of {e.version} to {e.target} was withdrawn",
    "promotion.expired": "nobody decided on {e.version} at {e.target} in time",
    "promotion.rejected": "{e.by} rejected {e.version} at {e.target}",
    "promotion.approved": "{e.version} was approved for {e.target} and merged by {e.merged_by}",
    "promotion.bypassed": "{e.version} was merged to {e.target} by {e.merged_by} against the rule",
    "approval.given": "{e.head.actor} approved {e.version} at {e.target}",
    "approval.voided": "the approval of {e.by} for {e.version} at {e.target} no longer counts",
    "model_version.marked": "{e.mark} of {e.version} was written in the registry: {e.value}",
    "rollout.started": "{e.target} was told to run {e.version}",
    "rollout.progressed": "{e.version} on its way to {e.target}: {e.detail}",
    "rollout.succeeded": "{e.version} answers predictions at {e.target}",
    "rollout.failed": "{e.version} does not come up at {e.target}",
    "rollout.regressed": "{e.version} stopped answering at {e.target}",
    "rollout.superseded": "a newer version took the place of {e.version} at {e.target}",
    "serving.changed": "{e.version} serves at {e.target} now",
    "target.adopted": "{e.target} already served {e.uri} when Sluice first looked",
    "target.held": "{e.target} is held by {e.head.actor}",
    "target.released": "{e.target} was released by {e.head.actor}",
    "writes.paused": "{e.head.actor} paused every write outside{about}",
    "writes.resumed": "{e.head.actor} resumed writing outside{about}",
    "mode.changed": "the mode changed from {e.old} to {e.new}",
    "deadline.passed": "the {e.what} ended at {e.due}",
    "source.stalled": "{e.name} could not be looked at since {e.since}",
    "work.died": "{e.handler} gave up",
    "work.retried": "{e.head.actor} put a dead row of {e.handler} back",
    "work.dropped": "{e.head.actor} dropped a dead row of {e.handler}",
}


def sentence(event: Event) -> str:
    """Return what happened, with the reason behind it where there is one."""
    text = SENTENCES.get(event.kind, event.kind).format(e=event, about=_about(event))
    if isinstance(event, ServingChanged) and event.uri is None:
        text = f"nothing answers at {event.target} any more"
    elif isinstance(event, ServingChanged) and event.version is None:
        text = f"{event.uri}, no version of ours, serves at {event.target} now"
    reasons = said_of(event.results) if isinstance(event, Judged) else _reasons(event)
    return f"{text}: {'; '.join(reasons)}" if reasons else text


def _about(event: Event) -> str:
    """Return which model's writes an event is about, nothing for everybody's."""
    key = getattr(event, "model_key", "")
    return f" about {parts_of(key)[-1]}" if key else ""


def _reasons(event: Event) -> tuple[str, ...]:
    reason = getattr(event, "reason", "")
    return (*((reason,) if reason else ()), *getattr(event, "unmet", ()))
