"""The views as they stood at a moment.

Place in the flow: `why` asks these instead of the ledger's views when a date is given; the same
folds make them, from the events recorded until then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any, TypeVar

from processor.errors import Refused
from processor.rules.history import VIEWS, fold_all
from processor.values.record import VersionRecord
from processor.views.knowledge import Knowledge

R = TypeVar("R")


@dataclass(frozen=True)
class FoldedViews:
    """Views over rows in memory."""

    rows: Mapping[type[Any], Mapping[str, Any]]

    async def get(self, kind: type[R], key: str) -> R | None:
        """Return one row by its key."""
        return self.rows.get(kind, {}).get(key)

    async def find(
        self,
        kind: type[R],
        *,
        model: str | None = None,
        slot: str | None = None,
        state: str | None = None,
    ) -> Sequence[R]:
        """Return rows that match every given column, oldest first."""
        columns = next(view.columns for view in VIEWS if view.row is kind)
        wanted = (model, slot, state)
        return [
            row
            for row in self.rows.get(kind, {}).values()
            if all(
                want is None or want == have
                for want, have in zip(wanted, columns(row), strict=True)
            )
        ]

    async def models(self, state: str | None = None) -> Sequence[str]:
        """Return the keys of the models with a version, the first met first."""
        records = await self.find(VersionRecord, state=state)
        return list(dict.fromkeys(record.version.key for record in records))


async def as_of(known: Knowledge, model_key: str, at: datetime) -> Knowledge:
    """Return what was known of one model at a moment.

    Raises Refused 410 for a moment whose events were sealed and are in a file now.
    """
    sealed = await known.log.sealed(model_key)
    if sealed is not None and at < sealed.until:
        until = sealed.until.isoformat(timespec="seconds").replace("+00:00", "Z")
        raise Refused(
            "Sealed",
            f"what happened until {until} was exported and is not in the ledger any more: read "
            f"it in {sealed.file} and the exports before it, or ask for a later moment",
            status=410,
        )
    happened = await known.log.of_key(model_key, until=at)
    begun = sealed.views if sealed is not None else None
    return known.through(FoldedViews(fold_all(happened, begun)))


def moment(text: str) -> datetime:
    """Read an ISO 8601 moment (UTC unless it says otherwise); a date means the end of that day.

    Raises Refused 400.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError as exc:
        raise Refused(
            "Not a moment",
            f"{text!r} is not ISO 8601; write 2026-04-01 or 2026-04-01T12:00Z",
            status=400,
        ) from exc
    if len(text) == len("2026-04-01") or ("T" not in text and " " not in text):
        at = datetime.combine(at.date(), time.max, tzinfo=UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
