"""The judge: what must never be, found in the outside and in the event log.

Place in the flow: after a run has come to rest, `judge` looks at everything once. Each problem is
a sentence; an empty list is the verdict everybody wants. `always` counts what must have happened
for the zeros to mean anything.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, select

from processor import events as e
from processor.adapters.ledgers import Ledger, rows, schema
from processor.engine.ingest import planning
from processor.events import BY_TYPE, Event
from processor.ports.log import Recorded
from processor.rules.announcement import text_of, wanted
from processor.rules.chain import START, link
from processor.rules.history import VIEWS, fold_all
from processor.rules.promotion import OPEN
from processor.values.promotion import Promotion
from processor.values.record import ModelRecord, VersionRecord
from tests.simulation.loop import EPOCH
from tests.simulation.operators import Operators
from tests.simulation.people import GIT, MLFLOW, People
from tests.simulation.program import Simulation
from tests.simulation.watching import Lanes
from tests.simulation.world import Wrote

_ENDS = (
    e.PromotionApproved,
    e.PromotionBypassed,
    e.PromotionRejected,
    e.PromotionWithdrawn,
    e.PromotionSuperseded,
    e.PromotionExpired,
)


_UNDER_WAY = 60.0  # seconds a turn that was allowed to write may take with its last request


@dataclass
class Verdict:
    """`problems` are lost or doubled things, `always` what did happen."""

    problems: list[str] = field(default_factory=list)
    always: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    doubled: int = 0

    def is_lost(self, what: str) -> None:
        """Note something that did not happen."""
        self.lost += 1
        self.problems.append(f"lost: {what}")

    def is_doubled(self, what: str) -> None:
        """Note something that happened twice."""
        self.doubled += 1
        self.problems.append(f"doubled: {what}")

    def is_wrong(self, what: str) -> None:
        """Note anything else that must never be."""
        self.problems.append(f"wrong: {what}")


@dataclass(frozen=True)
class Case:
    """Everything there is to judge by."""

    sim: Simulation
    people: People
    operators: Operators
    events: Sequence[Recorded]
    stored: Sequence[Row[Any]]
    work: Sequence[Row[Any]]
    effects: Sequence[Row[Any]]
    views: dict[type[Any], dict[str, Any]]

    def of(self, *kinds: type[Event]) -> Iterator[Any]:
        """Yield the events of some kinds, in ledger order."""
        return (one.event for one in self.events if isinstance(one.event, kinds))


async def judge(sim: Simulation, people: People, operators: Operators, lanes: Lanes) -> Verdict:
    """Look at everything. The program is stopped, or has nothing to do."""
    case = await _case(sim, people, operators)
    verdict = Verdict()
    for problem in (*lanes.problems, *map(repr, sim.failures)):
        verdict.is_wrong(problem)
    for look in (
        _log,
        _work,
        _effects,
        _registry,
        _marks,
        _writers,
        _proposals,
        _promotions,
        _told,
        _paused,
    ):
        look(case, verdict)
    _count(case, verdict)
    return verdict


async def _case(sim: Simulation, people: People, operators: Operators) -> Case:
    ledger = await Ledger.open(sim.path, "main", sim.clock, inline=True)

    def read(connection: Connection) -> Case:
        def every(table: Any) -> Sequence[Row[Any]]:
            return connection.execute(select(table).order_by(*table.primary_key)).all()

        stored = every(schema.event)
        return Case(
            sim,
            people,
            operators,
            [rows.recorded(row) for row in stored if row.type in BY_TYPE],
            stored,
            every(schema.work),
            every(schema.effect),
            {
                view.row: {
                    row.key: rows.adapter(view.row).validate_json(row.data)
                    for row in every(schema.views[view.row])
                }
                for view in VIEWS
            },
        )

    try:
        return await ledger.database.read(read)
    finally:
        await ledger.close()


def _log(case: Case, verdict: Verdict) -> None:
    """Every event is placed, chained and dispatched; the views are what the events say."""
    previous = START
    for expected, row in enumerate(sorted(case.stored, key=lambda row: row.pos or 0), start=1):
        if row.pos != expected or not row.dispatched:
            verdict.is_lost(f"{row.type} {row.subject} is at {row.pos}, not dispatched")
            continue
        previous = link(previous, row.pos, rows.chained(row))
        if previous != row.hash:
            verdict.is_wrong(f"the chain is broken at {row.pos}")
            previous = row.hash
    if [row.id for row in case.stored] != [
        row.id for row in sorted(case.stored, key=lambda row: row.pos or 0)
    ]:
        verdict.is_wrong("places are not in the order of storing")
    for kind, folded in fold_all(case.events).items():
        if folded != case.views[kind]:
            verdict.is_wrong(f"folded anew the view of {kind.__name__} is another one")


def _work(case: Case, verdict: Verdict) -> None:
    """Every event had all its turns; none is left, none was given up without a word."""
    ids = {row.seq: row.id for row in case.stored}
    had = {(ids[row.event_seq], row.handler, row.part): row for row in case.work}
    routes = case.sim.routes
    for one in case.events:
        for turn in planning(routes)(one.event):
            if (one.event.head.id, turn.handler, turn.part) not in had:
                verdict.is_lost(f"{turn.handler} had no turn at {one.event.kind}")
    told = {(one.event_id, one.handler, one.part) for one in case.of(e.WorkDied)}
    for key, row in had.items():
        if row.state == "dead" and row.handler == "merge" and "both changed" in row.error:
            verdict.always["conflicts left to a person"] += 1
        elif row.state == "dead":
            verdict.is_lost(f"a row of {row.handler} is dead: {row.error}")
            if key not in told:
                verdict.is_lost(f"nobody was told that a row of {row.handler} died")
        elif row.state != "done":
            verdict.is_lost(f"a row of {row.handler} is {row.state}: {row.error}")


def _effects(case: Case, verdict: Verdict) -> None:
    """Every write carries its cause, and none is left in the air."""
    ids = {row.id for row in case.stored}
    for row in case.effects:
        if row.cause not in ids:
            verdict.is_wrong(f"the effect {row.key} has no cause")
        if row.state == "sending":
            verdict.is_lost(f"the effect {row.key} is {row.state}")
        verdict.always[f"effects {row.state}"] += 1
        verdict.always["effects sent again"] += row.attempt > 1


def _registry(case: Case, verdict: Verdict) -> None:
    """One version per run and model; every run that is told ends in a verdict or a refusal."""
    log = case.sim.world.registry.log
    made = Counter((one.model, one.run) for one in log if one.field == "version")
    gone = Counter(
        (maker.model, maker.run)
        for one in log
        if one.field == "deleted"
        for maker in log
        if maker.field == "version" and (maker.model, maker.number) == (one.model, one.number)
    )
    for (model, run), count in made.items():
        if count > 1 + gone[model, run]:
            verdict.is_doubled(f"{run} of {model} has {count} versions")
    versions = [one.version for one in case.of(e.VersionRegistered, e.VersionObserved)]
    for version, count in Counter(versions).items():
        if count > 1:
            verdict.is_doubled(f"{version} was told of {count} times")
    _runs(case, made, gone, verdict)


def _runs(
    case: Case,
    made: Counter[tuple[str, str]],
    gone: Counter[tuple[str, str]],
    verdict: Verdict,
) -> None:
    """Every run that was told of has a version, and that a verdict, unless somebody deleted it."""
    seen = {one.run_id: one for one in case.of(e.VersionRegistered)}
    judged = {one.version for one in case.of(*_JUDGED)}
    by_mode = {"suppressed", "ambiguous"} if case.operators.did["mode"] else set()
    held_back = {row.key for row in case.effects if row.state in by_mode}
    for run in case.people.runs.values():
        key = (run.model, run.name)
        registered = seen.get(run.name)
        if f"register:main/default/{run.model}:{run.name}" in held_back:
            verdict.always["registrations held back by the mode"] += 1
        elif not made[key]:
            verdict.is_lost(f"{run.name} of {run.model} was never registered")
        elif registered is None and not gone[key]:
            verdict.is_lost(f"{run.name} of {run.model} was never told of")
        elif registered and registered.version not in judged and not gone[key]:
            verdict.is_lost(f"{registered.version} was never judged")
    told = Counter((one.model, one.run_id) for one in case.of(e.TrainingCompleted))
    for run in case.people.runs.values():
        if told[run.model, run.name] != 1:
            verdict.is_lost(f"{run.name}: its end was stored {told[run.model, run.name]} times")


_JUDGED = (e.EvaluationPassed, e.EvaluationFailed, e.EvaluationInconclusive)


def _marks(case: Case, verdict: Verdict) -> None:
    """What the ledger knows is what the registry says."""
    world = case.sim.world
    live = {one.version.path: one for one in world.versions()}
    for path, record in case.views[VersionRecord].items():
        there = live.get(path)
        if record.deleted == (there is not None):
            verdict.is_wrong(f"{record.version}: deleted {record.deleted}, in registry {there}")
        elif there is not None and there.stage != record.stage:
            verdict.is_wrong(f"{record.version} is {there.stage}, known as {record.stage}")
    for (_, model), there_now in world.registry._models.items():
        known = case.views[ModelRecord].get(f"main/default/{model}")
        aliases = dict(known.aliases) if known else {}
        if aliases != there_now.aliases:
            verdict.is_wrong(f"{model} has aliases {there_now.aliases}, known are {aliases}")


def _writers(case: Case, verdict: Verdict) -> None:
    """Nobody's write passes for another's."""
    fields: dict[tuple[str, str, str], list[Wrote]] = defaultdict(list)
    for wrote in case.sim.world.registry.log:
        fields[wrote.model, wrote.number, wrote.field].append(wrote)
    told: dict[tuple[str, str, str], list[Event]] = defaultdict(list)
    for event in case.of(e.VersionStageChanged, e.AliasSet, e.AliasRemoved):
        if isinstance(event, e.VersionStageChanged):
            told[event.version.model, event.version.number, "stage"].append(event)
        else:
            told[event.model, "", f"alias:{event.alias}"].append(event)
    asked = [row for row in case.effects if row.kind == "registry.mark" and row.attempt]
    for place, events in told.items():
        _attributed(place, events, fields[place], asked, verdict)
    first = {
        (one.version.model, one.version.number, "stage"): one.stage
        for one in case.of(e.VersionRegistered, e.VersionObserved)
    }
    live = {(one.version.model, one.version.number) for one in case.sim.world.versions()}
    for place, writes in fields.items():
        if (place[2] == "stage" and place[:2] in live) or place[2].startswith("alias:"):
            _swallowed(place, first.get(place, ""), told[place], writes, asked, verdict)


def _nobody_knows(
    place: tuple[str, str, str], value: str, writes: Sequence[Wrote], asked: Sequence[Row[Any]]
) -> bool:
    """Tell whether a stranger wrote just what we had asked for and got no answer to.

    MLflow keeps no author: whose value it is cannot be told from outside, and it is what we want.
    """
    model, number, field = place
    subject = f"registry:main/default/{model}" + (f"/versions/{number}." if number else "")
    return any(
        row.field == field
        and row.new == value
        and (row.subject.startswith(subject) if number else row.subject == subject)
        and any(
            one.value == value and EPOCH + timedelta(seconds=one.at) <= row.answered_at
            for one in writes
            if row.answered_at is not None
        )
        for row in asked
    )


def _value(event: Any) -> str:
    match event:
        case e.VersionStageChanged():
            return str(event.new)
        case e.AliasSet():
            return str(event.number)
        case _:
            return ""


def _attributed(
    place: tuple[str, str, str],
    events: Sequence[Event],
    writes: Sequence[Wrote],
    asked: Sequence[Row[Any]],
    verdict: Verdict,
) -> None:
    """Nobody is named who did not write that."""
    wrote = Counter((one.by == "sluice", one.value) for one in writes)
    said = Counter((one.head.actor.name == "sluice", _value(one)) for one in events)
    for (ours, value), count in said.items():
        verdict.always["own marks seen" if ours else "foreign marks told"] += count
        if not wrote[ours, value] and ours and _nobody_knows(place, value, writes, asked):
            verdict.always["a stranger's write of what we had asked for"] += count
        elif not wrote[ours, value]:
            whose = "ours" if ours else "a stranger's"
            verdict.is_wrong(f"{place} = {value!r} was told as {whose}, who never wrote it")


def _swallowed(
    place: tuple[str, str, str],
    first: str,
    events: Sequence[Event],
    writes: Sequence[Wrote],
    asked: Sequence[Row[Any]],
    verdict: Verdict,
) -> None:
    """A stranger's value that still stands, and that we never wrote, was told as a stranger's.

    `first` is the value that was told with the version itself.
    """
    last = writes[-1]
    if last.by == "sluice" or any(one.by == "sluice" and one.value == last.value for one in writes):
        return
    if _nobody_knows(place, last.value, writes, asked):
        return
    if not events:
        if last.value != first:
            verdict.is_lost(f"a stranger's {place} = {last.value!r} was never told")
    elif _value(events[-1]) != last.value or events[-1].head.actor.name == "sluice":
        verdict.is_lost(f"a stranger's {place} = {last.value!r} was told as {events[-1]!r}")


def _proposals(case: Case, verdict: Verdict) -> None:
    """One pull request per promotion, merged once, judged once."""
    world = case.sim.world
    opened = Counter(one.promotion_id for one in world.proposals() if one.promotion_id)
    for promotion_id, count in opened.items():
        if count > 1:
            verdict.is_doubled(f"promotion {promotion_id} has {count} pull requests")
    merges = Counter(what for what, who in world.forge.writes if what.startswith("merge"))
    for what, count in merges.items():
        if count > 1:
            verdict.is_doubled(f"{what} {count} times")
    verdict.always["pull requests"] += sum(opened.values())
    verdict.always["merged by us"] += len(merges)
    _endings(case, set(merges), verdict)


def _endings(case: Case, merged_by_us: set[str], verdict: Verdict) -> None:
    """What became of each pull request is told, once, and we merged none against the rule."""
    ends = Counter(one.promotion_id for one in case.of(*_ENDS))
    for promotion_id, count in ends.items():
        if count > 1:
            verdict.is_doubled(f"promotion {promotion_id} ended {count} times")
    bypassed = {one.promotion_id for one in case.of(e.PromotionBypassed)}
    for proposal in case.sim.world.proposals():
        if proposal.promotion_id is None:
            continue
        if proposal.promotion_id not in case.views[Promotion]:
            verdict.is_wrong(f"{proposal.url} is of no promotion")
        elif not ends[proposal.promotion_id]:
            verdict.is_lost(f"{proposal.url} is {proposal.state}, and nobody said so")
        if f"merge #{proposal.number}" in merged_by_us and proposal.promotion_id in bypassed:
            verdict.is_wrong(f"we merged {proposal.url} against the rule")


def _promotions(case: Case, verdict: Verdict) -> None:
    """None is left on its way; nobody approved their own."""
    requested = {one.id: one for one in case.views[Promotion].values()}
    for promotion in requested.values():
        verdict.always[f"promotions {promotion.state}"] += 1
        if promotion.state in OPEN | {"approved", "rolling_out"}:
            verdict.is_lost(f"the promotion of {promotion.version} is still {promotion.state}")
    committers = {
        one.promotion_id: {who.name for who in one.committers} for one in case.sim.world.proposals()
    }
    git = {alias: name for name, alias in GIT.items()}
    runs = {one.version: one.run_id for one in case.of(e.VersionRegistered)}
    for approved in case.of(e.PromotionApproved):
        promotion = requested[approved.promotion_id]
        user = case.sim.world.trained.get(runs.get(approved.version, ""), "")
        own = {promotion.requested_by.name, MLFLOW.get(user, user)}
        own |= {git.get(name, name) for name in committers.get(promotion.id, ())}
        for who in approved.approvals:
            verdict.always["approvals that counted"] += 1
            if who.name in own:
                verdict.is_wrong(f"{who} approved their own {approved.version}")
        automatic = approved.target == "staging" or approved.version.model.startswith("auto")
        if not approved.approvals and not automatic:
            verdict.is_wrong(f"{approved.version} was approved by nobody")


def _told(case: Case, verdict: Verdict) -> None:
    """Every announcement arrived, and a repeated one said the same."""
    arrived: dict[str, set[str]] = defaultdict(set)
    for key, text in case.sim.world.channel.told:
        arrived[key].add(text)
    patterns = case.sim.loaded.settings.notify.log
    for one in case.events:
        key = f"tell:log:{one.event.head.id}"
        if not wanted(patterns, type(one.event)):
            continue
        if key not in arrived:
            died = isinstance(one.event, e.WorkDied) and one.event.handler == "announce"
            if not died:
                verdict.is_lost(f"nobody was told of {one.event.kind}")
        elif arrived[key] != {text_of(one.event)}:
            verdict.is_wrong(f"{key} was told as {arrived[key]}")
    verdict.always["announcements"] += len(arrived)
    verdict.always["announcements repeated"] += len(case.sim.world.channel.told) - len(arrived)


def _paused(case: Case, verdict: Verdict) -> None:
    """Nothing left for the outside while everything was paused; one under way may still land."""
    for began, ended in case.operators.paused:
        verdict.always["pauses of everything"] += 1
        for at, method in case.sim.wires.writes:
            if began + _UNDER_WAY < at < ended and method != "tell":
                verdict.is_wrong(f"{method} left {at - began:.1f} s after everything was paused")


def _count(case: Case, verdict: Verdict) -> None:
    """Count what must have happened for the zeros to mean anything."""
    deaths = case.sim.deaths
    verdict.always["events"] += len(case.stored)
    verdict.always["crashes"] += deaths.crashes
    verdict.always["crashes on unfinished work"] += deaths.unfinished
    verdict.always["crashes between sending and done"] += deaths.sending
    for deed, count in case.people.did.items():
        verdict.always[f"people: {deed}"] += count
    for deed, count in case.operators.did.items():
        verdict.always[f"operators: {deed}"] += count
    for title, count in case.people.refused.items():
        verdict.always[f"refused: {title}"] += count
    for fate, count in case.sim.wires.sent.items():
        verdict.always[f"wire: {fate}"] += count
    opened = [row for row in case.effects if row.kind == "proposal.open"]
    verdict.always["pull requests after doubt"] += sum(
        "doubt" in str(row.key) or row.attempt > 1 for row in opened
    )
