"""Looking at the model registry.

Place in the flow: `sources/registry`, evaluate, register and propose hold it.
"""

from collections.abc import Sequence
from typing import Protocol

from processor.values.registry import ModelSeen, Remark, Run, VersionPage, VersionSeen
from processor.values.version import Version


class RegistryReader(Protocol):
    """What a registry says. Raises Unavailable when it does not answer as it should."""

    async def versions(self, workspace: str, since_ms: int) -> Sequence[VersionSeen]:
        """Return the versions updated at or after `since_ms` (registry clock), newest first."""
        ...

    async def page(self, workspace: str, after: str) -> VersionPage:
        """Return the next page of every version there is; `after` is empty for the first.

        A row that is deleted between two pages may make the next page skip another, and a row
        may come twice: what is missing says nothing until `version` confirms it.
        """
        ...

    async def versions_of(self, workspace: str, model: str) -> Sequence[VersionSeen]:
        """Return every version of one model; none when there is no such model."""
        ...

    async def tagged(self, workspace: str, key: str, limit: int) -> Sequence[VersionSeen]:
        """Return the versions that have a tag of this key, the newest made first, `limit` at most.

        MLflow moves no time for a tag, so this is the only cheap way to see one soon.
        """
        ...

    async def models(self, workspace: str) -> Sequence[ModelSeen]:
        """Return every registered model with its aliases and tags."""
        ...

    async def recent_models(self, workspace: str, limit: int) -> Sequence[ModelSeen]:
        """Return the models that changed last, the newest change first, `limit` at most."""
        ...

    async def model(self, workspace: str, name: str) -> ModelSeen | None:
        """Return one model, None when the registry says it does not exist (404).

        Raises Forbidden when it is there, or may be, and we may not see it (403).
        """
        ...

    async def version(self, workspace: str, model: str, number: str) -> VersionSeen | None:
        """Return one version, None when the registry says it does not exist (404).

        Raises Forbidden when it is there, or may be, and we may not see it (403).
        """
        ...

    async def run(self, workspace: str, run_id: str) -> Run | None:
        """Return a training run, None when there is none."""
        ...

    async def location(self, version: Version) -> str:
        """Return where the version's artifact lies, as a URI KServe can load.

        Raises Terminal naming the URI and the `artifact_roots` entry that is missing when it
        cannot be loaded by KServe, and when the registry can see that no MLmodel is there.
        """
        ...

    async def check(self) -> str:
        """Return one line for `doctor`: what answers and which version. Raises Unavailable."""
        ...

    async def remarks(self) -> Sequence[Remark]:
        """Return what an operator should know of it, for `doctor`. Raises Unavailable."""
        ...

    async def created_by(
        self, workspace: str, model: str, run_id: str, effect_key: str
    ) -> str | None:
        """Return the number of the version of that run whose tag holds the effect key."""
        ...

    async def made_elsewhere(self, workspace: str, model: str, run_id: str) -> str | None:
        """Return the number of a version of that run that no effect of ours made, None for none."""
        ...
