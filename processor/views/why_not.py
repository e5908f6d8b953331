"""Why does this version not serve? Per target: what it waits for, since when, who can act, how.

Place in the flow: `sluice why-not`, the model's page, `/v1/models/{model}/why-not`.
The order of the questions is the order of the story: known, ruled, judged (`why_not_judged`),
then asked for, proposed, merged, rolled out (`why_not_promoted`).
"""

from dataclasses import dataclass, replace

from processor.errors import Refused
from processor.events import TrainingCompleted
from processor.policy.mode import allows
from processor.policy.targets import Target
from processor.ports.log import Recorded
from processor.rules.slot_conflicts import conflict_of
from processor.rules.slots import slot_of
from processor.values.promotion import Promotion
from processor.values.record import VersionRecord
from processor.values.serving import Serving
from processor.values.version import key_of
from processor.views.knowledge import Knowledge
from processor.views.obstacles import Step, obstacle
from processor.views.standing import shortfalls
from processor.views.status import problem_of
from processor.views.subject import Subject, subject_of
from processor.views.switched import switched
from processor.views.waiting import OPERATORS, SLUICE, WRITERS, Waiting, command, explain
from processor.views.why_not_judged import judged
from processor.views.why_not_promoted import promoted

_NOT_FOUND = 404
_SETTLED = {"serving", "paused", "model_paused"}


@dataclass(frozen=True)
class WhyNot:
    """The answer for one version (none named: the newest), target by target."""

    model: str
    workspace: str | None
    version: str | None
    targets: tuple[Waiting, ...]


async def why_not(
    known: Knowledge,
    model: str,
    number: str | None = None,
    *,
    target: str | None = None,
    workspace: str | None = None,
) -> WhyNot:
    """Answer for a version of a model. Raises Refused 404 (version, target), 409 (workspace)."""
    try:
        subject = await subject_of(known, model, workspace)
    except Refused as refusal:
        if refusal.status != _NOT_FOUND:
            raise
        return WhyNot(model, workspace, None, (await _unknown(known, model, refusal.detail),))
    record = subject.newest if number is None else subject.version(number)
    if record is None:
        gone = Waiting(
            "", None, "deleted", "every version of it was deleted", None, ("the pipeline",)
        )
        return WhyNot(model, subject.workspace, None, (gone,))
    if subject.policy is None:
        answers: tuple[Waiting, ...] = (_no_policy(record, subject.tie),)
    else:
        answers = tuple(
            [await _at(known, subject, record, where) for where in subject.targets(target)]
        )
    paused = tuple(one.sentence for one in (await switched(known, subject.key)).pauses)
    return WhyNot(
        model,
        subject.workspace,
        record.version.number,
        tuple(
            one if one.state in _SETTLED else replace(one, details=(*one.details, *paused))
            for one in answers
        ),
    )


async def _unknown(known: Knowledge, model: str, detail: str) -> Waiting:
    """Answer for a model without any version: trained and not registered, or never heard of."""
    for place in known.workspaces:
        key = key_of(known.registry, place, model)
        if heard := await known.log.of_key(key):
            return await _unregistered(known, key, heard[-1])
    down = known.dependencies.states().get("registry")
    late = (
        f"; the registry does not answer: {problem_of('registry', down)}"
        if down and down.problem
        else ""
    )
    emit = "sluice emit training-completed --run-id RUN --model MODEL --registration please"
    return Waiting("", None, "unknown_model", detail + late, None, ("the pipeline",), emit)


async def _unregistered(known: Knowledge, model_key: str, last: Recorded) -> Waiting:
    """Answer for a model whose training is done; who registers it was said by the pipeline."""
    event = last.event
    asked = isinstance(event, TrainingCompleted) and event.registration == "please"
    mode = known.modes.of(model_key)
    said = "training is done, no version is registered yet"
    if asked and not allows(mode, "full"):
        return Waiting(
            target="",
            version=None,
            state="mode_observe" if mode == "observe" else "mode_propose",
            waits_for=f"{said}: the mode is {mode}, in which Sluice registers nothing; register "
            "it yourself, or set `mode: full`",
            since=last.at,
            who=(*OPERATORS, "the pipeline"),
        )
    step = Step(
        model_key=model_key,
        handlers=frozenset({"register"}),
        products=("registry",),
        writes=asked,
        again="sluice dead list --state dropped",
    )
    found = await obstacle(known, step)
    return Waiting(
        target="",
        version=None,
        state=found.state if found else "not_registered",
        waits_for=said + (f": {found.sentence}" if found else ""),
        since=last.at,
        who=found.who if found else SLUICE if asked else ("the pipeline",),
        command=found.command if found else "",
        link=found.link if found else "",
    )


def _no_policy(record: VersionRecord, tie: str) -> Waiting:
    """Answer for a model no policy rules, or that two do."""
    model = record.version.model
    return Waiting(
        target="",
        version=record.version.number,
        state="policy_tie" if tie else "no_policy",
        waits_for=tie or f"no policy rules {model}; write one whose `models:` matches the name",
        since=record.seen_at,
        who=WRITERS,
        command=explain(model),
    )


async def _at(known: Knowledge, subject: Subject, record: VersionRecord, target: Target) -> Waiting:
    """Answer for one target."""
    version = record.version
    slot = slot_of(target, version.model)
    serving = await known.views.get(Serving, slot.key)
    if serving is not None and serving.version == version and serving.uri is not None:
        return Waiting(
            target=target.name,
            version=version.number,
            state="serving",
            waits_for="nothing: it serves" + ("" if serving.approved else ", without approval"),
            since=serving.since,
            who=(),
            link=serving.endpoint or "",
        )
    of_model = await known.views.find(Promotion, model=subject.key)
    mine = [one for one in of_model if one.version == version and one.target == target.name]
    if mine:
        return await promoted(known, mine[-1], target, of_model)
    return await _unplaced(known, subject, record, target) or await judged(
        known, subject, record, target, of_model
    )


async def _unplaced(
    known: Knowledge, subject: Subject, record: VersionRecord, target: Target
) -> Waiting | None:
    """Answer for a version whose slot is another model's, None when it is not."""
    live = frozenset(await known.views.models("live"))
    met = [key for key in await known.views.models() if key in live]
    conflict = conflict_of(known.policies, met, subject.key)
    if conflict is None:
        return None
    return Waiting(
        target=target.name,
        version=record.version.number,
        state="slot_taken",
        waits_for=f"a slot of its own: {conflict}",
        since=record.judgement.at if record.judgement else record.seen_at,
        who=WRITERS,
        command=command("evaluate", record.version),
        details=shortfalls(record.judgement),
    )
