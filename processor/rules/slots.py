"""Which scalar in Git, and which workload, belong to a model at a target.

Place in the flow: evaluate and propose name the slot, `sources/rollouts` the workload.
A model's name may hold anything MLflow allows; in files and object names it becomes a
DNS-safe name, with a digest behind it whenever something had to be changed.
"""

import hashlib
import re
from collections.abc import Mapping

from processor.policy.targets import Edit, Target
from processor.values.serving import Workload
from processor.values.slot import Repository, Slot

_PLAIN = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?")
_DIGESTED = re.compile(r".*-[0-9a-f]{8}")
_LONGEST = 50  # leaves room for what controllers put behind a name within 63 characters


def dns_name(model: str) -> str:
    """Return a name Kubernetes takes; distinct models get distinct names.

    A name that looks as if it had a digest already gets one too: nobody can take another's name.
    """
    if _PLAIN.fullmatch(model) and not _DIGESTED.fullmatch(model) and len(model) <= _LONGEST:
        return model
    plain = re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-")
    digest = hashlib.sha256(model.encode()).hexdigest()[:8]
    stem = plain[: _LONGEST - 9].strip("-")
    return f"{stem if stem[:1].isalpha() else f'm-{stem}'.strip('-')}-{digest}"


def fill(template: str, values: Mapping[str, str]) -> str:
    """Replace each `{name}` that has a value; other braces stay as they are."""
    return re.sub(r"\{(\w+)\}", lambda m: values.get(m[1], m[0]), template)


def main_edit(target: Target) -> tuple[Edit, str]:
    """Return the edit and the path in it that holds the storage URI."""
    return next(
        (edit, path)
        for edit in target.edits
        for path, value in edit.set.items()
        if "{uri}" in value
    )


def slot_of(target: Target, model: str) -> Slot:
    """Return the slot of a model at a target."""
    edit, path = main_edit(target)
    values = {"model": dns_name(model)}
    name = fill(edit.object.name, values)
    namespace = f"{edit.object.namespace}/" if edit.object.namespace else ""
    return Slot(
        forge=target.slot.forge,
        repository=target.slot.repository,
        branch=target.slot.branch,
        file=fill(edit.file, values),
        object=f"{edit.object.kind}/{namespace}{name}",
        path=path,
    )


def repository_of(target: Target) -> Repository:
    """Return the repository and branch a target's proposals go to."""
    return Repository(target.slot.forge, target.slot.repository, target.slot.branch)


def workload_of(target: Target, model: str) -> Workload:
    """Return what the target's cluster runs for a model."""
    edit, _ = main_edit(target)
    return Workload(
        cluster=target.cluster,
        kind=edit.object.kind,
        name=fill(edit.object.name, {"model": dns_name(model)}),
        namespace=edit.object.namespace or "default",
    )
