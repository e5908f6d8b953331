"""What the registry source holds of one workspace: its snapshots, kept at hand.

Place in the flow: a look takes a copy before it asks the registry, so that every revision it
compares with was held before the request was sent. The ledger's compare-and-set stays the
judge: a copy that is behind costs a miss and one re-read, never a wrong fact.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

from pydantic import TypeAdapter

from processor.ports.log import EventLog
from processor.ports.snapshots import Snapshots
from processor.rules.changes import Found, HeldModel, HeldVersion, subject_of
from processor.values.snapshot import Snapshot
from processor.values.version import Version, key_of

_VERSION: TypeAdapter[HeldVersion] = TypeAdapter(HeldVersion)
_MODEL: TypeAdapter[HeldModel] = TypeAdapter(HeldModel)
_VERSIONS = "/versions/"
_MODEL_DEPTH = 2  # slashes in `registry:<registry>/<workspace>/<model>`

Rows = Mapping[str, Snapshot]


@dataclass
class _Known:
    """Which versions and models are there, as the rows say."""

    by_model: dict[str, dict[str, Version]] = field(default_factory=lambda: defaultdict(dict))
    models: dict[str, tuple[str, int]] = field(default_factory=dict)
    born: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))

    def put(self, row: Snapshot) -> None:
        """Take in one row."""
        if row.subject.count("/") == _MODEL_DEPTH:
            self._put_model(row, model_at(row.subject))
            return
        version = version_at(row.subject)
        numbers = self.by_model[version.model]
        if row.data is not None:
            numbers[version.number] = version
        elif numbers.get(version.number) == version:
            del numbers[version.number]

    def _put_model(self, row: Snapshot, name: str) -> None:
        """Take in a model's row."""
        _, born = self.models.pop(name, ("", 0))
        self.born[born].discard(name)
        if row.data is not None:
            born = _MODEL.validate_json(row.data).seen.created_ms
            self.models[name] = (row.subject, born)
            self.born[born].add(name)


@dataclass(kw_only=True)
class Held:
    """The snapshots of one workspace's models and versions, by subject."""

    registry_id: str
    workspace: str
    snapshots: Snapshots
    log: EventLog
    _rows: dict[str, Snapshot] | None = field(default=None, init=False, repr=False)
    _known: _Known = field(default_factory=_Known, init=False, repr=False)

    @property
    def prefix(self) -> str:
        """Return what the subjects (of snapshots and effects) here start with."""
        return f"registry:{key_of(self.registry_id, self.workspace)}/"

    async def now(self) -> Rows:
        """Return a copy of what is held; the first time it is read from the ledger."""
        if self._rows is None:
            loaded = await self.snapshots.load(self.prefix)
            if self._rows is None:
                self._rows = dict(loaded)
                for row in self._rows.values():
                    self._known.put(row)
        return dict(self._rows)

    def row(self, subject: str) -> Snapshot:
        """Return a subject's row as it is now, without a copy of all of them."""
        return row_of(self._rows or {}, subject)

    def model(self, name: str) -> tuple[Snapshot, HeldModel] | None:
        """Return a model that is there, None when none of the name is."""
        subject, _ = self._known.models.get(name, ("", 0))
        row = self.row(subject)
        held = held_model(row)
        return None if held is None else (row, held)

    def models(self) -> Sequence[str]:
        """Return the names of the models that are there."""
        return list(self._known.models)

    def born(self, created_ms: int, *, other_than: str) -> Sequence[str]:
        """Return the names of other models that were made in the same moment."""
        return sorted(self._known.born.get(created_ms, set()) - {other_than})

    def version(self, model: str, number: str) -> Version | None:
        """Return a model's version that is there under a number."""
        return self._known.by_model.get(model, {}).get(number)

    def versions(self, model: str) -> Mapping[str, Version]:
        """Return a model's versions that are there, by number."""
        return dict(self._known.by_model.get(model, {}))

    async def tell(self, held: Snapshot, found: Found, *, gone: bool = False) -> bool:
        """Append what one subject's reading leads to; False when its snapshot had moved on.

        `held` is the snapshot from before the request; a moved one is read again.
        """
        if found.held is None and not gone:
            if found.closings:
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
            self._known.put(snapshot)


def row_of(rows: Rows, subject: str) -> Snapshot:
    """Return a subject's row, an empty one where there is none yet."""
    return rows.get(subject, Snapshot(subject, 0, None))


def held_version(rows: Rows, version: Version) -> tuple[Snapshot, HeldVersion] | None:
    """Return what is held of a version that was there, None when it was not."""
    row = row_of(rows, subject_of(version))
    return None if row.data is None else (row, _VERSION.validate_json(row.data))


def held_model(row: Snapshot) -> HeldModel | None:
    """Return what a model's row keeps, None when it was not there."""
    return None if row.data is None else _MODEL.validate_json(row.data)


def _text(held: HeldVersion | HeldModel) -> str:
    """Return a snapshot's data."""
    if isinstance(held, HeldVersion):
        return _VERSION.dump_json(held).decode()
    return _MODEL.dump_json(held).decode()


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
