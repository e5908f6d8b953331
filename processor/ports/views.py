"""The folded views, to read.

Place in the flow: handlers ask them what to do, readers answer people from them. One row class
per view: Promotion, Serving, VersionRecord, ModelRecord, Deadline, Pause, Hold.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

R = TypeVar("R")


class Views(Protocol):
    """Rows by key, or by model, slot or state."""

    async def get(self, kind: type[R], key: str) -> R | None:
        """Return one row by its key.

        Promotion by id, Serving by slot key, VersionRecord by version path,
        ModelRecord and Pause by model key, Deadline and Hold by key.
        """
        ...

    async def find(
        self,
        kind: type[R],
        *,
        model: str | None = None,
        slot: str | None = None,
        state: str | None = None,
    ) -> Sequence[R]:
        """Return rows that match every given column, oldest first.

        `model` is a model key, `slot` a slot key (Deadline: its kind), `state` the row's state
        (Promotion: its state; VersionRecord: `live` or `deleted`; Deadline: `open`, `passed` or
        `lifted`; Pause and Hold: `open` or `ended`; others: empty).
        """
        ...

    async def models(self, state: str | None = None) -> Sequence[str]:
        """Return the keys of the models that have a VersionRecord (in that state).

        The model met first comes first.
        """
        ...
