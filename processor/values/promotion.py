"""A promotion: one version on its way to one target, folded from its events.

Place in the flow: `rules/history/promotions` folds it, `rules/promotion` holds its states,
handlers and readers look at it through `ports/reading/views`.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from processor.values.principal import Principal
from processor.values.proposal import ProposalRef, ScalarEdit
from processor.values.slot import Slot
from processor.values.version import Version

State = Literal[
    "requested",
    "proposed",
    "approved",
    "bypassed",
    "rolling_out",
    "serving",
    "failed",
    "rejected",
    "withdrawn",
    "superseded",
    "expired",
]

_PROMOTIONS = uuid.UUID("6d8f3f3e-6f0a-5c3f-9a55-0d2f6b8f5a11")


def promotion_id_of(request_id: str) -> str:
    """Return the promotion opened by the `promotion.requested` event with this id."""
    return str(uuid.uuid5(_PROMOTIONS, request_id))


@dataclass(frozen=True)
class Approval:
    """One person's yes to one head of one promotion."""

    by: Principal
    head_sha: str
    at: datetime


@dataclass(frozen=True)
class Promotion:
    """The folded state of one promotion; `reason` says why it is in it, where there is one.

    `proposal` follows its branch: `opened_head` is the head we proposed, `edits` what that changes,
    `committers` whose commits came besides ours, and `updates` how often it was pushed to.
    `counted` are the people whose approval counted when it was merged, at `merged_at`.
    """

    id: str
    version: Version
    target: str
    slot: Slot
    uri: str
    state: State
    requested_by: Principal
    requested_at: datetime
    changed_at: datetime
    request_id: str
    evaluation_id: str | None = None
    restores: bool = False
    proposal: ProposalRef | None = None
    opened_head: str = ""
    edits: tuple[ScalarEdit, ...] = ()
    committers: tuple[Principal, ...] = ()
    updates: int = 0
    approvals: tuple[Approval, ...] = ()
    merge_sha: str | None = None
    merged_by: Principal | None = None
    merged_at: datetime | None = None
    counted: tuple[Principal, ...] = ()
    reason: str = ""

    @property
    def order(self) -> tuple[datetime, datetime]:
        """Return what sorts the merged promotions of a slot as Git took them.

        Forges tell the moment of a merge in whole seconds; of two in one second the one asked
        for later came later.
        """
        return self.merged_at or self.requested_at, self.requested_at
