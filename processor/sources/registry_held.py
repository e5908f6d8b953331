"""What `sources/registry` holds of one workspace: its snapshots, kept at hand.

Place in the flow: a look takes a copy before it asks the registry, so that every revision it
compares with was held before the request was sent. The ledger's compare-and-set stays the
judge: a copy that is behind costs a miss and one re-read, never a wrong fact.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from processor.ports.snapshots import Snapshots
from processor.values.snapshot import Snapshot
from processor.values.version import Version, key_of

_VERSIONS = "/versions/"
_MODEL_DEPTH = 2  # slashes in `registry:<registry>/<workspace>/<model>`


@dataclass(kw_only=True)
class Held:
    """The snapshots of one workspace's models and versions, by subject."""

    registry_id: str
    workspace: str
    snapshots: Snapshots
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

    def moved(self, written: Snapshot) -> None:
        """Remember a snapshot the ledger accepted; its revision is one higher there."""
        self._keep(Snapshot(written.subject, written.revision + 1, written.data))

    async def read_again(self, subject: str) -> None:
        """Replace what is held of a subject that somebody else has moved."""
        self._keep(await self.snapshots.get(subject))

    def _keep(self, snapshot: Snapshot) -> None:
        """Keep the newer of two revisions."""
        rows = self._rows if self._rows is not None else {}
        present = rows.get(snapshot.subject)
        if present is None or present.revision <= snapshot.revision:
            rows[snapshot.subject] = snapshot


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
