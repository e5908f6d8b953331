"""Why has nobody asked for this version at a target? It is about its gates, or the target before.

Place in the flow: the first half of `why_not`, for a version without a promotion there.
"""

import shlex
from collections.abc import Sequence
from datetime import datetime

from processor.policy.targets import Target
from processor.rules.slots import slot_of
from processor.values.deadline import Deadline, soak_key
from processor.values.promotion import Promotion
from processor.values.record import Judgement, VersionRecord
from processor.values.serving import Serving
from processor.values.span import span
from processor.views.knowledge import Knowledge
from processor.views.obstacles import Step, obstacle, unless_hindered
from processor.views.standing import shortfalls
from processor.views.states import WaitState
from processor.views.subject import Subject
from processor.views.switched import held
from processor.views.waiting import SLUICE, Waiting, command
from processor.views.why_not_promoted import on_hold, overtaken_by

_OF_A_PROGRAM = "command:"


async def judged(
    known: Knowledge,
    subject: Subject,
    record: VersionRecord,
    target: Target,
    promotions: Sequence[Promotion],
) -> Waiting:
    """Answer for a version nobody has asked for at this target."""
    judgement = record.judgement
    if judgement is None:
        return await _unjudged(known, record, target)
    match judgement.verdict:
        case None:
            return await _pending(known, record, target, judgement)
        case "failed" | "inconclusive":
            return await _short(known, record, target, judgement)
        case "passed":
            return await _passed(known, subject, record, target, promotions)


async def _unjudged(known: Knowledge, record: VersionRecord, target: Target) -> Waiting:
    """Answer for a version without a verdict: a run that goes on, a registry that is down."""
    if record.baseline and not await _rows(known, record):
        return Waiting(
            target=target.name,
            version=record.version.number,
            state="not_judged",
            waits_for="somebody who asks: it was there before Sluice first looked",
            since=record.seen_at,
            who=tuple(sorted(known.people.names)),
            command=command("evaluate", record.version),
        )
    return await _ours(known, record, target, "being_judged", "Sluice to judge it", ("evaluate",))


async def _rows(known: Knowledge, record: VersionRecord) -> bool:
    """Tell whether a verdict on the version was asked for and hangs."""
    return await obstacle(known, _step(record, ("evaluate",), ())) is not None


async def _pending(
    known: Knowledge, record: VersionRecord, target: Target, judgement: Judgement
) -> Waiting:
    """Answer for gates that are out: at other systems, or with the runner of programs."""
    due = (f"the wait ends {judgement.due:%Y-%m-%d %H:%M:%S} UTC",) if judgement.due else ()
    details = (*shortfalls(judgement), *due)
    asked = [gate for gate in judgement.pending if not gate.startswith(_OF_A_PROGRAM)]
    if asked:
        return Waiting(
            target.name,
            record.version.number,
            "gates_pending",
            f"other systems have to answer: {', '.join(asked)}",
            judgement.at,
            tuple(asked),
            details=details,
        )
    if not judgement.pending:
        what = "Sluice to put its gates' answers together"
        return await _ours(
            known, record, target, "being_judged", what, ("evaluate",), details=details
        )
    names = {gate: gate.removeprefix(_OF_A_PROGRAM) for gate in judgement.pending}
    runs = [
        f"{name} ({'started' if gate in judgement.running else 'queued'})"
        for gate, name in names.items()
    ]
    what = f"its gate programs to answer: {', '.join(runs)}"
    return await _ours(
        known, record, target, "gates_running", what, ("startgates",), details=details
    )


async def _short(
    known: Knowledge, record: VersionRecord, target: Target, judgement: Judgement
) -> Waiting:
    """Answer for a verdict that is no pass; a waiver that ended is told before the rest."""
    version, details = record.version, shortfalls(judgement)
    ended = await _ended_waiver(known, record, judgement)
    if ended is not None:
        waive = ["sluice", "waive", version.model, version.number, "--gate", ended.gate]
        return Waiting(
            target.name,
            version.number,
            "waiver_ended",
            f"{ended.gate} was waived until {ended.due:%Y-%m-%d %H:%M:%S} UTC and counts again",
            ended.due,
            ("whoever trains the model", *sorted(known.people.names)),
            shlex.join([*waive, "--until", "7d", "--reason", "..."]),
            details=details,
        )
    failed = judgement.verdict == "failed"
    return Waiting(
        target.name,
        version.number,
        "gates_failed" if failed else "gates_inconclusive",
        "a version that passes the gates"
        if failed
        else "a person who decides, as not every gate could say",
        judgement.at,
        ("whoever trains the model",) if failed else tuple(sorted(known.people.names)),
        command("evaluate", version) if failed else command("request", version, target.name),
        details=details,
    )


async def _ended_waiver(
    known: Knowledge, record: VersionRecord, judgement: Judgement
) -> Deadline | None:
    """Return the waiver that ended last of a gate that is short now, None without one."""
    short = {result.gate for result in judgement.results if result.counts != "passed"}
    ended = [
        one
        for one in await known.views.find(Deadline, model=record.version.key, state="passed")
        if one.kind == "waiver" and one.version == record.version and one.gate in short
    ]
    return max(ended, key=lambda one: one.due, default=None)


async def _passed(
    known: Knowledge,
    subject: Subject,
    record: VersionRecord,
    target: Target,
    promotions: Sequence[Promotion],
) -> Waiting:
    """Answer for a version that passed: held, overtaken, on its way through another target."""
    version, since = record.version, record.judgement.at if record.judgement else record.seen_at
    hold = await held(known, version.key, target.name)
    if hold is not None:
        return on_hold(known, record.version, target, hold)
    newer = overtaken_by(promotions, version, target.name)
    if newer is not None:
        return _wish(
            known,
            record,
            target,
            "overtaken",
            f"somebody who asks for it all the same: {newer.version} is {newer.state} there",
            newer.requested_at,
        )
    before = subject.policy.target(target.after.target) if subject.policy and target.after else None
    if before is not None:
        return await _after(known, record, target, before)
    return _wish(
        known, record, target, "not_requested", f"somebody who asks for it at {target.name}", since
    )


async def _after(
    known: Knowledge, record: VersionRecord, target: Target, before: Target
) -> Waiting:
    """Answer for a version that has to serve elsewhere first, and for how long."""
    version = record.version
    serving = await known.views.get(Serving, slot_of(before, version.model).key)
    if serving is None or serving.version != version or not serving.approved:
        words = ["sluice", "why-not", f"{version.model}@{version.number}", "--target", before.name]
        return Waiting(
            target.name,
            version.number,
            "comes_after",
            f"{before.name} to serve it first, approved",
            record.judgement.at if record.judgement else record.seen_at,
            SLUICE,
            shlex.join(words),
        )
    soak = await known.views.get(Deadline, soak_key(version.key, before.name, target.name))
    if soak is None or soak.version != version or soak.lifted:
        what = f"somebody who asks: it served at {before.name} before {target.name} came after it"
        return _wish(known, record, target, "not_requested", what, serving.since)
    if soak.passed:
        what = f"Sluice to ask for it at {target.name}"
        return await _ours(known, record, target, "being_requested", what, ("advance",))
    length = span(target.after.soak if target.after else soak.due - serving.since)
    return Waiting(
        target.name,
        version.number,
        "soaking",
        f"{before.name} to have served it for {length}, until {soak.due:%Y-%m-%d %H:%M:%S} UTC; "
        "somebody may ask for it sooner",
        serving.since,
        (*SLUICE, *sorted(known.people.names)),
        command("request", version, target.name),
    )


def _wish(
    known: Knowledge,
    record: VersionRecord,
    target: Target,
    state: WaitState,
    waits_for: str,
    since: datetime,
) -> Waiting:
    """Answer that a person has to ask for it."""
    version = record.version
    return Waiting(
        target.name,
        version.number,
        state,
        waits_for,
        since,
        tuple(sorted(known.people.names)),
        command("request", version, target.name),
    )


def _step(
    record: VersionRecord, handlers: Sequence[str], products: Sequence[str] = ("registry",)
) -> Step:
    return Step(
        model_key=record.version.key,
        handlers=frozenset(handlers),
        products=tuple(products),
        version=record.version,
        again=command("evaluate", record.version),
    )


async def _ours(
    known: Knowledge,
    record: VersionRecord,
    target: Target,
    state: WaitState,
    waits_for: str,
    handlers: Sequence[str],
    *,
    details: tuple[str, ...] = (),
) -> Waiting:
    """Answer for a step that is Sluice's own, or what is in its way."""
    since = record.judgement.at if record.judgement else record.seen_at
    answer = Waiting(
        target.name, record.version.number, state, waits_for, since, SLUICE, details=details
    )
    return await unless_hindered(known, answer, _step(record, handlers))
