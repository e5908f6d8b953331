"""What happened to this model, in order?

Place in the flow: `sluice history`, the model's page, `/v1/models/{model}/history`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from processor.values.principal import SLUICE
from processor.values.version import Version, key_of
from processor.views.knowledge import Knowledge
from processor.views.subject import subject_of
from processor.views.words import sentence


@dataclass(frozen=True)
class Entry:
    """One event in words; `pos` is None for the second before it has its place in the ledger.

    `who` carries a word of doubt where there is any; `cause` is the event that led to it.
    """

    pos: int | None
    at: datetime
    kind: str
    id: str
    who: str
    version: str | None
    target: str | None
    text: str
    cause: str | None


async def history(
    known: Knowledge, model: str, workspace: str | None = None, until: datetime | None = None
) -> Sequence[Entry]:
    """Return a model's events, the oldest first, up to a moment.

    Where older ones were sealed, the first entry says in which file they are. Raises Refused 404,
    409; a model that was only ever trained has a history, too.
    """
    places = (workspace,) if workspace is not None else known.workspaces
    keys = [key_of(known.registry, place, model) for place in places]
    heard = [key for key in keys if await known.log.of_key(key, until=until)]
    key = heard[0] if len(heard) == 1 else (await subject_of(known, model, workspace)).key
    entries = await _sealed(known, key, until)
    for happened in await known.log.of_key(key, until=until):
        event = happened.event
        version = getattr(event, "version", None)
        entries.append(
            Entry(
                pos=happened.pos,
                at=happened.at,
                kind=event.kind,
                id=event.head.id,
                who=str(event.head.actor),
                version=version.number if isinstance(version, Version) else version,
                target=getattr(event, "target", None),
                text=sentence(event),
                cause=event.head.cause,
            )
        )
    return entries


async def _sealed(known: Knowledge, key: str, until: datetime | None) -> list[Entry]:
    """Return where a model's older events are, nothing while all are here."""
    sealed = await known.log.sealed(key)
    if sealed is None or not any(sealed.views.values()) or (until and until < sealed.until):
        return []
    return [
        Entry(
            pos=sealed.pos,
            at=sealed.until,
            kind="sealed",
            id="",
            who=str(SLUICE),
            version=None,
            target=None,
            text=f"what happened until then is in {sealed.file} and the exports before it",
            cause=None,
        )
    ]
