"""Why does this version not serve? Per target: what it waits for, since when, who can act, how.

Place in the flow: `sluice why-not`, the model's page, `/v1/models/{model}/why-not`.
The order of the questions is the order of the story: known, ruled, judged, proposed, merged,
rolled out.
"""

from dataclasses import dataclass

from processor.errors import Refused
from processor.policy.targets import Target
from processor.rules.slot_conflicts import conflict_of
from processor.rules.slots import slot_of
from processor.values.promotion import Promotion
from processor.values.record import VersionRecord
from processor.values.serving import Serving
from processor.values.version import key_of
from processor.views.knowledge import Knowledge
from processor.views.obstacles import obstacle
from processor.views.standing import shortfalls
from processor.views.status import problem_of
from processor.views.subject import Subject, subject_of
from processor.views.waiting import SLUICE, Waiting, command
from processor.views.why_not_promoted import promoted

_NOT_FOUND = 404
_WRITERS = ("whoever writes the policies",)


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
        gone = Waiting("", None, "deleted", "every version of it was deleted", None, ())
        return WhyNot(model, subject.workspace, None, (gone,))
    if subject.policy is None:
        answers: tuple[Waiting, ...] = (_no_policy(record, subject.tie),)
    else:
        answers = tuple(
            [await _at(known, subject, record, where) for where in subject.targets(target)]
        )
    return WhyNot(model, subject.workspace, record.version.number, answers)


async def _unknown(known: Knowledge, model: str, detail: str) -> Waiting:
    """Answer for a model without any version: trained and not registered, or never heard of."""
    for place in known.workspaces:
        key = key_of(known.registry, place, model)
        if heard := await known.log.of_key(key):
            found = await obstacle(known, key, ("registry",), ("register",))
            return Waiting(
                target="",
                version=None,
                state=found.state if found else "not_registered",
                waits_for="training is done, no version is registered yet"
                + (f": {found.sentence}" if found else ""),
                since=heard[-1].at,
                who=SLUICE,
                command=found.command if found else "",
            )
    down = known.dependencies.states().get("registry")
    late = (
        f"; the registry does not answer: {problem_of('registry', down)}"
        if down and down.problem
        else ""
    )
    emit = "sluice emit training-completed --run-id RUN --model MODEL --registration please"
    return Waiting("", None, "unknown_model", detail + late, None, ("the pipeline",), emit)


def _no_policy(record: VersionRecord, tie: str) -> Waiting:
    """Answer for a model no policy rules, or that two do."""
    return Waiting(
        target="",
        version=record.version.number,
        state="policy_tie" if tie else "no_policy",
        waits_for=tie
        or f"no policy rules {record.version.model}; write one whose `models:` matches the name",
        since=record.seen_at,
        who=_WRITERS,
        command="sluice doctor" if tie else "sluice config check",
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
    mine = [
        one
        for one in await known.views.find(Promotion, model=subject.key)
        if one.version == version and one.target == target.name
    ]
    if mine:
        return await promoted(known, mine[-1], target)
    return await _unplaced(known, subject, record, target) or await _judged(
        known, subject, record, target
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
        who=_WRITERS,
        command=command("evaluate", record.version),
        details=shortfalls(record.judgement),
    )


async def _judged(
    known: Knowledge, subject: Subject, record: VersionRecord, target: Target
) -> Waiting:
    """Answer for a version nobody has asked for at this target: it is about the gates."""
    version, judgement = record.version, record.judgement
    if judgement is None:
        return await _unjudged(known, subject, record, target)
    who: tuple[str, ...] = SLUICE
    wish, details = "", shortfalls(judgement)
    if judgement.verdict is None:
        state = "gates_pending"
        waits_for = f"other systems have to answer: {', '.join(judgement.pending)}"
        who = tuple(judgement.pending)
        details = (*details, f"the wait ends {judgement.due}") if judgement.due else details
    elif judgement.verdict == "failed":
        state, who = "gates_failed", ("whoever trains the model",)
        waits_for = "a version that passes the gates"
        wish = command("evaluate", version)
    elif judgement.verdict == "inconclusive":
        state, who = "gates_inconclusive", tuple(sorted(known.people.names))
        waits_for = "a person who decides, as not every gate could say"
        wish = command("request", version, target.name)
    elif subject.policy is not None and target.name != subject.policy.first_target.name:
        state, who = "not_requested", tuple(sorted(known.people.names))
        waits_for = f"somebody who asks for it at {target.name}"
        wish = command("request", version, target.name)
    else:
        found = await obstacle(known, subject.key, ("registry",), ("evaluate",))
        state = found.state if found else "being_requested"
        waits_for = found.sentence if found else "Sluice to ask for its promotion"
    return Waiting(
        target.name, version.number, state, waits_for, judgement.at, who, wish, details=details
    )


async def _unjudged(
    known: Knowledge, subject: Subject, record: VersionRecord, target: Target
) -> Waiting:
    """Answer for a version without a verdict: a run that goes on, a registry that is down."""
    number = record.version.number
    found = await obstacle(known, subject.key, ("registry",), ("evaluate", "register"))
    if found is not None:
        return Waiting(
            target.name, number, found.state, found.sentence, found.since, SLUICE, found.command
        )
    if record.baseline:
        return Waiting(
            target=target.name,
            version=number,
            state="not_judged",
            waits_for="somebody who asks: it was there before Sluice first looked",
            since=record.seen_at,
            who=tuple(sorted(known.people.names)),
            command=command("evaluate", record.version),
        )
    return Waiting(
        target.name, number, "being_judged", "Sluice to judge it", record.seen_at, SLUICE
    )
