"""A write to the outside, remembered before it is made.

Place in the flow: `engine/effects` keeps them in the ledger; `sources/registry` matches what it
sees against the open ones, so that our own writes are not news.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

EffectState = Literal["todo", "sending", "done", "ambiguous", "suppressed"]
Closing = Literal["seen", "overwritten", "noop"]


@dataclass(frozen=True)
class Effect:
    """One outside write.

    `subject` and `field` say what it changes (empty `field`: nothing a source reads back),
    `old` is the value it replaces as far as we know, `new` the value written, `digest` the
    request's; `quiet_until` is when a late request of ours can no longer land; `result` is what
    the outside answered, as JSON text.
    """

    key: str
    kind: str
    subject: str
    field: str
    new: str
    digest: str
    cause: str
    state: EffectState = "todo"
    attempt: int = 0
    sent_at: datetime | None = None
    answered_at: datetime | None = None
    quiet_until: datetime | None = None
    closed: Closing | None = None
    old: str = ""
    result: str | None = None


@dataclass(frozen=True)
class EffectClosing:
    """A source's word that it has read a field after the effect's answer."""

    key: str
    closing: Closing
