"""Which scalars of which files a target's policy changes, and to what.

Place in the flow: `propose` reads the files, this changes exactly the listed scalars, and later
tells from both ends of a pull request what it changes: an earlier turn may have opened it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from processor.policy.targets import Edit, Target
from processor.rules.manifests import ManifestError, edit, values_at
from processor.rules.slots import dns_name, fill
from processor.values.proposal import ScalarEdit
from processor.values.record import VersionRecord

Texts = Mapping[str, bytes]


@dataclass(frozen=True)
class Edits:
    """Whole new files, and (file, path, old, new) of every scalar that differs."""

    files: tuple[tuple[str, bytes], ...]
    changed: tuple[tuple[str, str, str | None, str], ...]


def values_of(record: VersionRecord, uri: str) -> Mapping[str, str]:
    """Return what a policy's edits may name."""
    version = record.version
    return {
        "model": dns_name(version.model),
        "uri": uri,
        "version": version.number,
        "run": record.run_id,
    }


def files_of(target: Target, values: Mapping[str, str]) -> Mapping[str, str]:
    """Return each file the target changes, with the kind of object that is meant in it."""
    return {fill(written.file, values): written.object.kind for written in target.edits}


def edited(target: Target, values: Mapping[str, str], texts: Texts) -> Edits:
    """Return the files with exactly the listed scalars changed.

    Raises ManifestError naming the file when an object or a path is not there to be changed.
    """
    now = dict(texts)
    changed: list[tuple[str, str, str | None, str]] = []
    for written in target.edits:
        file = fill(written.file, values)
        try:
            made = edit(
                now[file],
                kind=written.object.kind,
                name=fill(written.object.name, values),
                namespace=written.object.namespace,
                changes={path: fill(value, values) for path, value in written.set.items()},
            )
        except ManifestError as error:
            raise ManifestError(f"{file}: {error}") from error
        now[file] = made.text
        changed += [(file, *change) for change in made.changed]
    return Edits(tuple(sorted(now.items())), tuple(changed))


def made_between(
    target: Target, values: Mapping[str, str], before: Texts, after: Texts
) -> tuple[ScalarEdit, ...]:
    """Return the listed scalars that differ between two commits; what is unreadable is left out."""
    made: list[ScalarEdit] = []
    for written in target.edits:
        name = fill(written.object.name, values)
        file = fill(written.file, values)
        old = _scalars(before.get(file), written, name)
        namespace = f"{written.object.namespace}/" if written.object.namespace else ""
        made += [
            ScalarEdit(file, f"{written.object.kind}/{namespace}{name}", path, old.get(path), value)
            for path, value in _scalars(after.get(file), written, name).items()
            if value is not None and value != old.get(path)
        ]
    return tuple(made)


def _scalars(text: bytes | None, written: Edit, name: str) -> Mapping[str, str | None]:
    """Return the scalars of one edit as they stand in a text."""
    if text is None:
        return {}
    try:
        return values_at(
            text,
            kind=written.object.kind,
            name=name,
            namespace=written.object.namespace,
            paths=written.set,
        )
    except ManifestError:
        return {}
