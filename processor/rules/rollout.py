"""What a look at a workload means for its slot.

Place in the flow: `sources/rollouts` hands in what it remembered, what Git should serve and what
it saw, and appends what `judge` says. URIs are compared, never revision names: a revert in Git
makes a new revision with the old URI.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from processor.policy.targets import RolloutRule
from processor.rules.promotion import MERGED
from processor.values.promotion import Promotion
from processor.values.serving import Observation
from processor.values.version import Version

Phase = Literal["waiting", "started", "served", "failed", "regressed"]


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What is remembered of one slot between two looks.

    `promotion_id` is the promotion watched, `phase` how far it came and
    `problem` the last one told. `seen_uri` has answered at every look since `seen_since`;
    `told_uri` is what `serving.changed` said last, and `told_approved` whether as approved.
    `bypassed` names the promotions that were merged against the rule: what serves because of
    them is never approved.
    """

    seen_uri: str | None
    seen_since: datetime
    told_uri: str | None = None
    told_approved: bool = False
    promotion_id: str | None = None
    phase: Phase = "waiting"
    problem: str = ""
    bypassed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Adopted:
    """Something served already at the first look ever; `version` None: not one we know."""

    uri: str
    version: Version | None


@dataclass(frozen=True, kw_only=True)
class Changed:
    """Another URI (None: nothing) has answered for the stable window."""

    uri: str | None
    version: Version | None
    approved: bool
    promotion_id: str | None


@dataclass(frozen=True, kw_only=True)
class Moved:
    """The rollout of a promotion went on; `again` marks a success after a regression."""

    promotion: Promotion
    how: Literal["started", "progressed", "succeeded", "failed", "regressed", "superseded"]
    detail: str = ""
    again: bool = False


Said = Adopted | Changed | Moved


def judge(
    watch: Watch | None,
    promotions: Sequence[Promotion],
    seen: Observation,
    now: datetime,
    rule: RolloutRule,
    overdue: Collection[str] = (),
) -> tuple[tuple[Said, ...], Watch]:
    """Return what to say of a slot, and what to remember.

    `promotions` are the slot's, in every state; a first look has no `watch`. `overdue` are the
    ids of those whose rollout deadline was told to have passed.
    """
    said: list[Said] = []
    first = watch is None
    watch = _looked(watch, seen.serving_uri, now)
    watch = replace(watch, bypassed=_bypassed(watch, promotions))
    current, superseded, watch = _followed(watch, promotions)
    said += [Moved(promotion=old, how="superseded") for old in superseded]
    wanted = current.uri if current else None
    held = now - watch.seen_since >= rule.stable
    change = _change(watch, promotions)
    if first and seen.serving_uri and seen.serving_uri != wanted:
        said += [Adopted(uri=seen.serving_uri, version=change.version), change]
        watch = replace(watch, told_uri=seen.serving_uri, told_approved=change.approved)
    elif _awaits_judgement(watch, change, promotions, now, rule):
        return tuple(said), watch
    elif held and _is_news(watch, change):
        said.append(change)
        watch = replace(watch, told_uri=watch.seen_uri, told_approved=change.approved)
    if current is None:
        return tuple(said), watch
    moves, watch = _moves(watch, current, seen, now, rule, late=current.id in overdue)
    said += moves
    if any(move.how == "succeeded" for move in moves):
        left = [old for old in _others(promotions, current) if old not in superseded]
        said += [Moved(promotion=old, how="superseded") for old in left]
    return tuple(said), watch


def _looked(watch: Watch | None, uri: str | None, now: datetime) -> Watch:
    """Return the memory with this look's URI in it."""
    if watch is None:
        return Watch(seen_uri=uri, seen_since=now)
    return watch if watch.seen_uri == uri else replace(watch, seen_uri=uri, seen_since=now)


def _bypassed(watch: Watch, promotions: Sequence[Promotion]) -> tuple[str, ...]:
    """Return every promotion of the slot ever seen bypassed: a later state hides it."""
    seen = {row.id for row in promotions if row.state == "bypassed"}
    return (*watch.bypassed, *sorted(seen - set(watch.bypassed)))


def _followed(
    watch: Watch, promotions: Sequence[Promotion]
) -> tuple[Promotion | None, list[Promotion], Watch]:
    """Return the newest merged promotion, those that it overtook before they served, the memory."""
    merged = [row for row in promotions if row.state in MERGED]
    current = max(merged, key=lambda row: row.order, default=None)
    if current is None:
        return None, [], replace(watch, promotion_id=None, phase="waiting")
    if current.id != watch.promotion_id:
        watch = replace(
            watch,
            promotion_id=current.id,
            phase="served" if current.state == "serving" else "waiting",
            problem="",
        )
    overtaken = [row for row in _others(promotions, current) if row.state != "serving"]
    return current, overtaken, watch


def _others(promotions: Sequence[Promotion], current: Promotion) -> list[Promotion]:
    """Return the other merged promotions of the slot, which Git no longer names."""
    return [row for row in promotions if row.state in MERGED and row.id != current.id]


def _change(watch: Watch, promotions: Sequence[Promotion]) -> Changed:
    """Return what serves now, mapped from its URI to the promotion that brought it."""
    uri = watch.seen_uri
    known = [row for row in promotions if uri and row.uri == uri]
    granted = [row for row in known if row.merge_sha and row.id not in watch.bypassed]
    watched = [row for row in granted if row.id == watch.promotion_id]
    newest = max(granted, key=lambda row: row.changed_at, default=None)
    because = watched[0] if watched else newest
    version = because.version if because else known[-1].version if known else None
    return Changed(
        uri=uri,
        version=version,
        approved=because is not None,
        promotion_id=because.id if because else None,
    )


def _is_news(watch: Watch, change: Changed) -> bool:
    """Tell whether what serves should be told: another URI, or the same one now approved."""
    return watch.seen_uri != watch.told_uri or (change.approved and not watch.told_approved)


def _awaits_judgement(
    watch: Watch,
    change: Changed,
    promotions: Sequence[Promotion],
    now: datetime,
    rule: RolloutRule,
) -> bool:
    """Tell whether what serves is what an open proposal asks for.

    A cluster can be quicker than the look at the forge: it is neither called unapproved nor its
    predecessor regressed before that proposal has been judged, or it has answered for as long as
    a rollout may take.
    """
    proposed = any(row.state == "proposed" and row.uri == watch.seen_uri for row in promotions)
    return proposed and not change.approved and now - watch.seen_since <= rule.deadline


def _moves(
    watch: Watch,
    current: Promotion,
    seen: Observation,
    now: datetime,
    rule: RolloutRule,
    *,
    late: bool,
) -> tuple[list[Moved], Watch]:
    """Return how the watched promotion's rollout went on."""
    moves: list[Moved] = []
    answers = watch.seen_uri == current.uri
    held = now - watch.seen_since >= rule.stable
    phase, problem = watch.phase, watch.problem
    if phase == "waiting" and (answers or seen.applied_uri == current.uri):
        moves.append(Moved(promotion=current, how="started"))
        phase = "started"
    if phase == "started" and seen.problem and seen.problem != problem and not answers:
        moves.append(Moved(promotion=current, how="progressed", detail=seen.problem))
        problem = seen.problem
    if answers and held and phase != "served":
        again = phase == "regressed"
        moves.append(Moved(promotion=current, how="succeeded", again=again))
        phase, problem = "served", ""
    elif phase == "served" and not answers and held:
        detail = seen.problem or _instead(seen)
        moves.append(Moved(promotion=current, how="regressed", detail=detail))
        phase = "regressed"
    elif phase in {"waiting", "started"} and not answers and late:
        detail = seen.problem or _instead(seen)
        reason = f"not serving {_span(rule)} after its merge: {detail}"
        moves.append(Moved(promotion=current, how="failed", detail=reason))
        phase = "failed"
    return moves, replace(watch, phase=phase, problem=problem)


def _instead(seen: Observation) -> str:
    """Return what the cluster does instead, when it names no problem itself."""
    if seen.serving_uri:
        return f"{seen.serving_uri} answers instead"
    return f"nothing answers; the cluster was told to run {seen.applied_uri or 'nothing'}"


def _span(rule: RolloutRule) -> str:
    """Return the deadline as people write it."""
    seconds = int(rule.deadline.total_seconds())
    return f"{seconds // 60}m" if seconds and seconds % 60 == 0 else f"{seconds}s"
