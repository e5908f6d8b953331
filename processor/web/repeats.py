"""What was said before, under the same id or another.

Place in the flow: `inbox` asks before it stores. The same id twice is one fact only if it means
the same: a sender whose ids are not unique must hear of it, or half of what it says is lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from processor.errors import Refused
from processor.events import Event, TrainingCompleted
from processor.ports.log import EventLog

_LATELY = 500  # events about a model among which a training told under another id is found
_SHOWN = 80  # characters of a value in a refusal


@dataclass(frozen=True, kw_only=True)
class Repeats:
    """The events of one request, beside what is stored."""

    log: EventLog
    events: Sequence[Event]

    async def refuse_contradictions(self) -> None:
        """Return when no id means two things. Raises Refused 409 naming both."""
        stored = await self.log.present([event.head.id for event in self.events])
        said = {_fact(one.event): one.event for one in stored}
        for event in self.events:
            if differs := _difference(said.setdefault(_fact(event), event), event):
                raise Refused(
                    "Said otherwise before",
                    f"event {event.head.id!r} of {event.head.source!r} was taken with {differs[0]} "
                    f"and now comes with {differs[1]}: give every fact an id of its own",
                    status=HTTPStatus.CONFLICT,
                )

    async def trainings_told_before(self) -> list[str]:
        """Return a sentence for each training of which an event with another id told before.

        It is stored all the same: one version comes of both.
        """
        trainings = [event for event in self.events if isinstance(event, TrainingCompleted)]
        known: dict[tuple[str, str], Event] = {}
        for key in dict.fromkeys(event.head.key for event in trainings):
            for one in await self.log.lately(TrainingCompleted, key, _LATELY):
                if isinstance(one.event, TrainingCompleted):
                    known.setdefault((key, one.event.run_id), one.event)
        sentences = []
        for event in trainings:
            first = known.setdefault((event.head.key, event.run_id), event)
            if _fact(first) != _fact(event):
                sentences.append(
                    f"{event.head.id!r}: run {event.run_id!r} of {event.model!r} was told before "
                    f"by event {first.head.id!r} of {first.head.source!r}; one version comes of "
                    "both"
                )
        return sentences


def _fact(event: Event) -> tuple[str, str]:
    return event.head.source, event.head.id


def _difference(stored: Event, event: Event) -> tuple[str, str] | None:
    """Return what each says where they differ, None when they mean the same."""
    before, now = _meaning(stored), _meaning(event)
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if not names:
        return None
    return _shown(before, names), _shown(now, names)


def _meaning(event: Event) -> dict[str, object]:
    return {"type": event.type_name(), **event.model_dump(mode="json", exclude={"head"})}


def _shown(meaning: dict[str, object], names: Sequence[str]) -> str:
    """Return the fields of one meaning, `run_id r1, model fraud`."""
    return ", ".join(f"{name} {str(meaning.get(name, 'none'))[:_SHOWN]!r}" for name in names)
