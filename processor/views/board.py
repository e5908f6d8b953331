"""Where does every model stand? One row per model and target.

Place in the flow: the first page.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from processor.errors import Refused
from processor.policy.policy import Policy
from processor.rules.promotion import ENDED
from processor.rules.slots import slot_of
from processor.values.promotion import Promotion
from processor.values.record import VersionRecord
from processor.values.serving import Serving
from processor.values.version import key_of
from processor.views.knowledge import Knowledge
from processor.views.standing import verdict_of
from processor.views.subject import ruling_of

_NO_POLICY = "no policy rules this model: nothing will be promoted"


@dataclass(frozen=True)
class BoardRow:
    """A model at a target; `target` is empty when no policy rules the model.

    `promotion` is the newest one of this target, `problems` are sentences.
    """

    workspace: str
    model: str
    target: str
    newest: str
    stage: str
    verdict: str
    promotion: str | None
    promoted: str | None
    state: str
    changed_at: datetime | None
    serving: str
    approved: bool
    since: datetime | None
    problems: tuple[str, ...]


@dataclass(frozen=True)
class _Model:
    workspace: str
    model: str
    policy: Policy | None
    unruled: str
    newest: VersionRecord
    promotions: tuple[Promotion, ...]


async def board(known: Knowledge) -> Sequence[BoardRow]:
    """Return every model the ledger knows, by name."""
    versions: dict[tuple[str, str], list[VersionRecord]] = {}
    for record in await known.views.find(VersionRecord, state="live"):
        place = (record.version.workspace, record.version.model)
        versions.setdefault(place, []).append(record)
    promotions: dict[str, list[Promotion]] = {}
    for promotion in await known.views.find(Promotion):
        promotions.setdefault(promotion.version.key, []).append(promotion)
    servings = {row.slot.key: row for row in await known.views.find(Serving)}
    rows: list[BoardRow] = []
    for (workspace, name), records in sorted(versions.items()):
        problem, policy = _NO_POLICY, None
        try:
            policy = ruling_of(known, workspace, name)
        except Refused as tie:
            problem = tie.detail
        model = _Model(
            workspace,
            name,
            policy,
            problem,
            max(records, key=lambda record: record.version.created_ms),
            tuple(promotions.get(key_of(known.registry, workspace, name), ())),
        )
        rows += _rows(model, servings)
    return rows


def _rows(model: _Model, servings: dict[str, Serving]) -> Iterable[BoardRow]:
    """Yield one row per target, or one that says no policy rules the model."""
    if model.policy is None:
        yield _row(model, "", None, None, (model.unruled,))
        return
    for target in model.policy.targets:
        mine = [one for one in model.promotions if one.target == target.name]
        serving = servings.get(slot_of(target, model.model).key)
        last = mine[-1] if mine else None
        yield _row(model, target.name, last, serving, tuple(_problems(last, serving)))


def _row(
    model: _Model,
    target: str,
    promotion: Promotion | None,
    serving: Serving | None,
    problems: tuple[str, ...],
) -> BoardRow:
    return BoardRow(
        workspace=model.workspace,
        model=model.model,
        target=target,
        newest=model.newest.version.number,
        stage=model.newest.stage,
        verdict=verdict_of(model.newest),
        promotion=promotion.id if promotion else None,
        promoted=promotion.version.number if promotion else None,
        state=promotion.state if promotion else "",
        changed_at=promotion.changed_at if promotion else None,
        serving=_serving(serving),
        approved=serving.approved if serving else False,
        since=serving.since if serving and serving.uri else None,
        problems=problems,
    )


def _serving(serving: Serving | None) -> str:
    """Return the version's number, the URI of a stranger, or nothing."""
    if serving is None or serving.uri is None:
        return ""
    return serving.version.number if serving.version else serving.uri


def _problems(promotion: Promotion | None, serving: Serving | None) -> Iterable[str]:
    if serving is not None and serving.uri is None:
        yield "nothing answers here any more"
    if serving is not None and serving.uri is not None and not serving.approved:
        yield "what serves was not approved"
    if promotion is not None and promotion.state in {"failed", "bypassed"}:
        yield f"v{promotion.version.number} {promotion.state}: {promotion.reason or 'no reason'}"
    if promotion is not None and promotion.state in ENDED and promotion.reason:
        yield f"v{promotion.version.number} {promotion.state}: {promotion.reason}"
