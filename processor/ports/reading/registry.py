"""Looking at the model registry.

Place in the flow: `sources/registry`, evaluate, register and propose hold it.
"""

from collections.abc import Sequence
from typing import Protocol

from processor.values.registry import ModelSeen, Run, VersionSeen
from processor.values.version import Version


class RegistryReader(Protocol):
    """What a registry says. Raises Unavailable when it does not answer as it should."""

    async def versions(self, workspace: str, since_ms: int | None) -> Sequence[VersionSeen]:
        """Return versions updated at or after `since_ms` (registry clock), or all for None."""
        ...

    async def models(self, workspace: str) -> Sequence[ModelSeen]:
        """Return every registered model with its aliases."""
        ...

    async def version(self, workspace: str, model: str, number: str) -> VersionSeen | None:
        """Return one version, None when the registry says it does not exist (404)."""
        ...

    async def run(self, workspace: str, run_id: str) -> Run | None:
        """Return a training run, None when there is none."""
        ...

    async def location(self, version: Version) -> str:
        """Return where the version's artifact lies, as a URI KServe can load.

        Raises Terminal naming the URI and the `artifact_roots` entry that is missing when it
        cannot be loaded by KServe.
        """
        ...

    async def check(self) -> str:
        """Return one line for `doctor`: what answers and which version. Raises Unavailable."""
        ...

    async def created_by(
        self, workspace: str, model: str, run_id: str, effect_key: str
    ) -> str | None:
        """Return the number of the version of that run whose tag holds the effect key."""
        ...
