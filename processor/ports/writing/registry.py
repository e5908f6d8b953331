"""Changing the model registry.

Place in the flow: `engine/effects` alone calls it.
"""

from typing import Protocol


class RegistryWriter(Protocol):
    """What a registry can be told; each call is one request and one answer."""

    async def create_version(
        self, workspace: str, model: str, run_id: str, artifact_path: str, effect_key: str
    ) -> str:
        """Register the run's model, tagged with the effect key; return the version number."""
        ...

    async def set_stage(self, workspace: str, model: str, number: str, stage: str) -> None:
        """Put the version in a stage; repeating it changes nothing."""
        ...

    async def set_alias(self, workspace: str, model: str, alias: str, number: str) -> None:
        """Point the alias at a version; repeating it changes nothing."""
        ...

    async def remove_alias(self, workspace: str, model: str, alias: str) -> None:
        """Remove the alias; an absent one is fine."""
        ...

    async def remove_tag(self, workspace: str, model: str, number: str, key: str) -> None:
        """Remove a version's tag; an absent one is fine."""
        ...
