"""The effects table and the snapshots.

Place in the flow: `ports/effect_log` for the effects door, `ports/snapshots` for the sources.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.sqlite import insert

from processor.adapters.ledgers import rows, schema
from processor.adapters.ledgers.database import Database
from processor.events import BY_TYPE
from processor.ports.effect_log import Cause
from processor.values.effect import Effect
from processor.values.snapshot import Snapshot

_effect = schema.effect
_snapshot = schema.snapshot
_BEHIND = "\U0010ffff"  # sorts behind everything that starts with a prefix


@dataclass(frozen=True, kw_only=True)
class TableEffects:
    """EffectLog."""

    database: Database

    async def begin(self, effect: Effect) -> Effect:
        """Store the effect unless its key is there; return what is stored."""

        def job(connection: Connection) -> Effect:
            connection.execute(insert(_effect).values(**asdict(effect)).on_conflict_do_nothing())
            stored = connection.execute(select(_effect).where(_effect.c.key == effect.key)).one()
            return rows.effect_of(stored)

        return await self.database.write(job)

    async def of_cause(self, cause: str) -> Sequence[Effect]:
        """Return what one event has led to, in the order of sending."""

        def job(connection: Connection) -> list[Effect]:
            found = connection.execute(
                select(_effect).where(_effect.c.cause == cause).order_by(_effect.c.sent_at)
            )
            return [rows.effect_of(row) for row in found]

        return await self.database.read(job)

    async def cause(self, event_id: str) -> Cause:
        """Return the model and the topic of an event."""
        table = schema.event

        def job(connection: Connection) -> Cause:
            row = connection.execute(
                select(table.c.model_key, table.c.type).where(table.c.id == event_id)
            ).first()
            kind = BY_TYPE.get(row.type) if row else None
            return Cause(row.model_key if row else "", kind.topic if kind else "")

        return await self.database.read(job)

    async def recover(self, now: datetime) -> int:
        """Own up that what was being sent when the last process ended may or may not land.

        Its quiet window begins anew: between two processes nobody knows how far the clock is to
        be trusted.
        """

        def job(connection: Connection) -> int:
            sending = connection.execute(select(_effect).where(_effect.c.state == "sending")).all()
            for row in sending:
                window = row.quiet_until - row.sent_at
                connection.execute(
                    update(_effect)
                    .where(_effect.c.key == row.key)
                    .values(state="ambiguous", quiet_until=now + window)
                )
            return len(sending)

        return await self.database.write(job)

    async def save(self, effect: Effect) -> None:
        """Store what became of it; `closed` belongs to the sources and is left alone.

        A request that goes out again opens the effect again: its value may yet be seen.
        """
        values = {
            name: value for name, value in asdict(effect).items() if name not in {"key", "closed"}
        }
        if effect.state == "sending":
            values["closed"] = None
        await self.database.write(
            lambda connection: (
                connection.execute(
                    update(_effect).where(_effect.c.key == effect.key).values(**values)
                ).rowcount
            )
        )


@dataclass(frozen=True, kw_only=True)
class TableSnapshots:
    """Snapshots."""

    database: Database

    async def load(self, prefix: str) -> Mapping[str, Snapshot]:
        """Return snapshots by prefix."""

        def job(connection: Connection) -> dict[str, Snapshot]:
            found = connection.execute(
                select(_snapshot).where(
                    _snapshot.c.subject >= prefix, _snapshot.c.subject < prefix + _BEHIND
                )
            )
            return {row.subject: Snapshot(row.subject, row.revision, row.data) for row in found}

        return await self.database.read(job)

    async def get(self, subject: str) -> Snapshot:
        """Return one snapshot."""

        def job(connection: Connection) -> Snapshot:
            row = connection.execute(
                select(_snapshot).where(_snapshot.c.subject == subject)
            ).first()
            if row is None:
                return Snapshot(subject, 0, None)
            return Snapshot(subject, row.revision, row.data)

        return await self.database.read(job)

    async def open_effects(self, prefix: str) -> Sequence[Effect]:
        """Return open effects that change something a source reads back, oldest first."""

        def job(connection: Connection) -> list[Effect]:
            found = connection.execute(
                select(_effect)
                .where(
                    _effect.c.subject >= prefix,
                    _effect.c.subject < prefix + _BEHIND,
                    schema.OPEN_EFFECT,
                )
                .order_by(_effect.c.sent_at)
            )
            return [rows.effect_of(row) for row in found]

        return await self.database.read(job)
