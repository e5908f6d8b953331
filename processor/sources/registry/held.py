"""What `sources/registry` holds of one workspace: its snapshots, kept at hand.

Place in the flow: a look takes a copy before it asks the registry, so that every revision it
compares with was held before the request was sent. The ledger's compare-and-set stays the
judge: a copy that is behind costs a miss and one re-read, never a wrong fact.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

from pydantic import TypeAdapter

from processor.ports.log import EventLog
from processor.ports.snapshots import Snapshots
from processor.rules.changes import Found, HeldModel, HeldVersion
from processor.values.snapshot import Snapshot
from processor.values.version import Version, key_of

_VERSION: TypeAdapter[HeldVersion] = TypeAdapter(HeldVersion)
_MODEL: TypeAdapter[HeldModel] = TypeAdapter(HeldModel)
_VERSIONS = "/versions/"
_MODEL_DEPTH = 2  # slashes in `registry:<registry>/<workspace>/<model>`


@dataclass(kw_only=True)
class Held:
    """The snapshots of one workspace's models and versions, by subject."""

    registry_id: str
    workspace: str
    snapshots: Snapshots
    log: EventLog
    _rows: dict[str, Snapshot] | None = field(default=None, init=False, repr=False)

    @property
    def prefix(self) -> str:
        """Return what the subjects (of snapshots and effects) here start with."""
        return f"registry:{key_of(self.registry_id, self.workspace)}/"

    async def now(self) -> dict[str, Snapshot]:
        """Return a copy of what is held; the first time it is read from the ledger."""
        if self._rows is None:
            loaded = await self.snapshots.load(self.prefix)
            if self._rows is None:
                self._rows = dict(loaded)
        return dict(self._rows)

    async def tell(self, held: Snapshot, found: Found, *, gone: bool = False) -> bool:
        """Append what one subject's reading leads to; False when its snapshot had moved on.

        `held` is the snapshot from before the request; a moved one is read again.
        """
        if found.held is None and not gone:
            await self.log.append((), closings=found.closings)
            return True
        snapshot = replace(held, data=None if found.held is None else _text(found.held))
        done = await self.log.append(found.events, snapshot=snapshot, closings=found.closings)
        if done.missed:
            self._keep(await self.snapshots.get(held.subject))
            return False
        self._keep(replace(snapshot, revision=snapshot.revision + 1))
        return True

    async def tell_all(self, waiting: Iterable[tuple[Snapshot, Found]]) -> bool:
        """Append several subjects' readings side by side, so that they share a commit."""
        await asyncio.sleep(0)  # a long listing leaves room for others even if nothing is told
        told = [self.tell(held, found) for held, found in waiting if found.tells]
        return all(await asyncio.gather(*told))

    def _keep(self, snapshot: Snapshot) -> None:
        """Keep the newer of two revisions."""
        rows = self._rows if self._rows is not None else {}
        present = rows.get(snapshot.subject)
        if present is None or present.revision <= snapshot.revision:
            rows[snapshot.subject] = snapshot


def version_held(data: str) -> HeldVersion:
    """Return what a version's snapshot keeps."""
    return _VERSION.validate_json(data)


def model_held(data: str | None) -> HeldModel:
    """Return what a model's snapshot keeps; nothing when there is none yet."""
    return HeldModel() if data is None else _MODEL.validate_json(data)


def _text(held: HeldVersion | HeldModel) -> str:
    """Return a snapshot's data."""
    if isinstance(held, HeldVersion):
        return _VERSION.dump_json(held).decode()
    return _MODEL.dump_json(held).decode()


def live_versions(rows: Mapping[str, Snapshot]) -> Iterator[Version]:
    """Return the versions that were there when last seen."""
    for subject, row in rows.items():
        if row.data is not None and subject.count("/") > _MODEL_DEPTH:
            yield version_at(subject)


def live_models(rows: Mapping[str, Snapshot]) -> Iterator[str]:
    """Return the subjects of models that have been read."""
    for subject, row in rows.items():
        if row.data is not None and subject.count("/") == _MODEL_DEPTH:
            yield subject


def version_at(subject: str) -> Version:
    """Return the version a subject is of."""
    model, _, tail = subject.rpartition(_VERSIONS)
    registry, workspace, name = model.removeprefix("registry:").split("/")
    number, _, created = tail.rpartition(".")
    return Version(
        unquote(registry), unquote(workspace), unquote(name), unquote(number), int(created)
    )


def model_at(subject: str) -> str:
    """Return the name of the model a subject is of."""
    return unquote(subject.split("/")[2])
