"""What the GitOps repository says should run.

Place in the flow: the local cluster's GitOps half; `demo/cluster` follows a branch of a bare
repository with it and runs what it finds.
"""

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

_KIND = ("serving.kserve.io/v1beta1", "InferenceService")


class Unreadable(Exception):
    """A commit that cannot be applied; the message names commit and file."""


@dataclass(frozen=True, kw_only=True)
class Commit:
    """One commit's workloads: `<kind>/<namespace>/<name>` -> storage URI (None: not set)."""

    revision: str
    workloads: Mapping[str, str | None]


def head(repository: Path, branch: str) -> str | None:
    """Return the branch's commit, None while there is none."""
    try:
        found = _git(repository, "rev-parse", "--verify", f"refs/heads/{branch}^{{commit}}")
    except Unreadable:
        return None
    return found.decode().strip()


def read(repository: Path, revision: str) -> Commit:
    """Return every InferenceService of a commit. Raises Unreadable; then nothing is applied."""
    workloads: dict[str, str | None] = {}
    listed = _git(repository, "ls-tree", "-r", "--name-only", "-z", revision).decode()
    for file in sorted(name for name in listed.split("\0") if name.endswith((".yaml", ".yml"))):
        text = _git(repository, "cat-file", "blob", f"{revision}:{file}")
        try:
            for document in YAML(typ="safe", pure=True).load_all(text.decode()):
                workloads.update(_services(document))
        except (YAMLError, UnicodeDecodeError) as trouble:
            first = str(trouble).strip().splitlines()[0]
            raise Unreadable(f"{file} at {revision[:12]} is not YAML: {first}") from None
    return Commit(revision=revision, workloads=workloads)


def _services(document: Any) -> Iterator[tuple[str, str | None]]:  # noqa: ANN401 - raw YAML
    """Yield the document as a workload, if it is one."""
    if not isinstance(document, dict):
        return
    if (document.get("apiVersion"), document.get("kind")) != _KIND:
        return
    metadata = document.get("metadata") or {}
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        return
    uri: Any = document
    for part in ("spec", "predictor", "model", "storageUri"):
        uri = uri.get(part) if isinstance(uri, dict) else None
    key = f"{document['kind']}/{metadata.get('namespace') or 'default'}/{metadata['name']}"
    yield key, uri if isinstance(uri, str) and uri else None


def _git(repository: Path, *words: str) -> bytes:
    """Return what git prints. Raises Unreadable: half a listing must never be applied."""
    command = ["git", "--git-dir", str(repository), *words]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - no shell
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise Unreadable(f"git {words[0]}: {said}")
    return done.stdout
