"""What every event has, and how its id comes about.

Place in the flow: sources, commands and handlers build events; the ledger stores them; the codec
turns them into CloudEvents. An id is uuid5 over (type, source, subject, discriminator), so the
same fact said twice is one event. A discriminator is the outside fact, or the cause's id and the
part, or a person's Idempotency-Key; never a clock, never a value alone.
"""

import json
import uuid
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, PlainSerializer

from processor.values.about import About
from processor.values.principal import SLUICE, UNKNOWN, Principal

_EVENTS = uuid.UUID("0d9cf3c4-5a5e-5f0b-8a39-7f0f1c5f2b61")

Moment = Annotated[
    AwareDatetime,
    PlainSerializer(lambda at: at.isoformat().replace("+00:00", "Z"), when_used="json"),
]


def identify(kind: str, source: str, subject: str, discriminator: str) -> str:
    """Return the id of a fact; equal arguments give an equal id on any machine."""
    name = json.dumps([kind, source, subject, discriminator], separators=(",", ":"))
    return str(uuid.uuid5(_EVENTS, name))


class Head(BaseModel):
    """The envelope: who said what about whom. `time` None means "when it was recorded"."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    source: str
    subject: str
    key: str
    actor: Principal
    cause: str | None = None
    time: Moment | None = None
    trace: str | None = None


class Event(BaseModel):
    """A fact, in the past tense. Fields besides `head` are the CloudEvent's data."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
    kind: ClassVar[str]
    topic: ClassVar[str]
    keyed_by_target: ClassVar[bool] = False

    head: Head

    @classmethod
    def type_name(cls) -> str:
        """Return the CloudEvents type, `sluice.<noun>.<past>.v1`."""
        return f"sluice.{cls.kind}.v1"

    @classmethod
    def heading(
        cls,
        about: About,
        discriminator: str,
        *,
        actor: Principal = UNKNOWN,
        cause: str | None = None,
        time: datetime | None = None,
        trace: str | None = None,
    ) -> Head:
        """Return the head of such an event, said by the registry's own source."""
        source = f"/sluice/{about.registry}"
        subject = about.subject
        target = f"/{about.target}" if cls.keyed_by_target and about.target else ""
        return Head(
            id=identify(cls.type_name(), source, subject, discriminator),
            source=source,
            subject=subject,
            key=about.key + target,
            actor=actor,
            cause=cause,
            time=time,
            trace=trace,
        )

    def leads_to(self, kind: "type[Event]", about: About, part: str = "") -> Head:
        """Return the head of what a handler says because of this event."""
        return kind.heading(
            about,
            f"{self.head.id}:{part}",
            actor=SLUICE,
            cause=self.head.id,
            trace=self.head.trace,
        )
