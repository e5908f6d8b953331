"""Writes to the registry.

Place in the flow: register and the mark handler ask for them through `ports/effects`. Subjects
and fields are what `sources/registry` reads back, so that our own writes are not news.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from processor.engine.effects.door import Door, digest
from processor.errors import NotYet, Terminal
from processor.ports.reading.registry import RegistryReader
from processor.ports.writing.registry import RegistryWriter
from processor.values.effect import Effect
from processor.values.version import Version, key_of

_NUMBER = TypeAdapter(str)
_LOOK_AGAIN = 10.0  # seconds between looks whether a version's end has been told
_PATIENCE = 24 * 3600.0


@dataclass(frozen=True, kw_only=True)
class RegistryDoor:
    """RegistryEffects; `quiet` is how many seconds a lost request may still land."""

    registry_id: str
    door: Door
    reader: RegistryReader
    writer: RegistryWriter
    quiet: float = 30.0

    async def register(
        self, workspace: str, model: str, run_id: str, artifact_path: str, cause: str
    ) -> str:
        """Create the run's version once per run and model; return its number."""
        model_key = key_of(self.registry_id, workspace, model)
        key = f"register:{model_key}:{run_id}"

        async def send(_attempt: int) -> str:
            number = await self.writer.create_version(workspace, model, run_id, artifact_path, key)
            return json.dumps(number)

        async def look() -> str | None:
            number = await self.reader.created_by(workspace, model, run_id, key)
            return None if number is None else json.dumps(number)

        effect = Effect(
            key=key,
            kind="registry.register",
            subject=f"registry:{model_key}",
            field="version",
            new="",
            digest=digest(model_key, run_id, artifact_path),
            cause=cause,
        )
        return await self.door.create(effect, send, look, quiet=self.quiet, read=_number)

    async def mark(
        self, version: Version, mark: str, value: str, previous: str, cause: str
    ) -> None:
        """Set a stage or an alias, or remove a tag."""
        of_version = not mark.startswith("alias:")
        effect = Effect(
            key=f"mark:{cause}:{version.path}:{mark}:{value}",
            kind="registry.mark",
            subject=f"registry:{version.path if of_version else version.key}",
            field=mark,
            old=previous,
            new=value,
            digest=digest(version.path, mark, value),
            cause=cause,
        )

        async def send() -> str:
            await self._write(version, mark, value)
            return json.dumps(value)

        try:
            await self.door.converge(effect, send, quiet=self.quiet)
        except Terminal as refusal:
            if await self._there(version):
                raise
            # Somebody deleted it, and nobody has said so yet: then nothing will be asked of it.
            raise NotYet(
                f"{version} is not in the registry any more: the next full look tells",
                after=_LOOK_AGAIN,
                until=_PATIENCE,
            ) from refusal

    async def _write(self, version: Version, mark: str, value: str) -> None:
        """Make the request of a mark."""
        where, number = (version.workspace, version.model), version.number
        kind, _, name = mark.partition(":")
        match kind:
            case "stage":
                await self.writer.set_stage(*where, number, value)
            case "tag":
                await self.writer.remove_tag(*where, number, name)
            case _ if value:
                await self.writer.set_alias(*where, name, value)
            case _:
                await self.writer.remove_alias(*where, name)

    async def _there(self, version: Version) -> bool:
        """Tell whether a version, and not another of its number, is in the registry."""
        seen = await self.reader.version(version.workspace, version.model, version.number)
        return seen is not None and seen.version == version

    async def marked_before(self, cause: str) -> Sequence[Effect]:
        """Return the marks sent for this cause, whether or not they were answered."""
        return [
            effect
            for effect in await self.door.effects.of_cause(cause)
            if effect.kind == "registry.mark" and effect.sent_at is not None
        ]

    async def landed(self, effect: Effect) -> None:
        """Record the answer that got lost."""
        await self.door.answered(effect, json.dumps(effect.new))


def _number(result: str) -> str:
    """Return the version number in a result. Raises ValueError."""
    return _NUMBER.validate_json(result, strict=True)
