"""What every wish answers, and how a repeated one gets the same answer.

Place in the flow: each wish that is an event goes through `say_once`; its Idempotency-Key is the
event's discriminator, so the ledger keeps one however often it is sent.
"""

from dataclasses import dataclass

from processor.errors import Refused
from processor.events import Event
from processor.ports.log import EventLog
from processor.values.principal import Principal


@dataclass(frozen=True)
class Granted:
    """`event_id` is the event that says so, empty where a source will say it."""

    what: str
    event_id: str
    promotion_id: str | None = None


_LONGEST_KEY = 200


def check_key(idempotency_key: str) -> None:
    """Raise Refused 400 for a key that is empty, too long or not plain ASCII."""
    if (
        not idempotency_key
        or len(idempotency_key) > _LONGEST_KEY
        or not idempotency_key.isascii()
        or not idempotency_key.isprintable()
    ):
        raise Refused(
            "Idempotency-Key needed",
            f"send 1 to {_LONGEST_KEY} printable ASCII characters, the same for every repetition",
            status=400,
        )


def check_signed_in(who: Principal) -> None:
    """Raise Refused 401 for somebody nobody has proven."""
    if who.assurance != "authenticated":
        raise Refused("Sign in", f"{who} is not signed in", status=401)


async def already(log: EventLog, event: Event) -> bool:
    """Tell whether the event was said before.

    Raises Refused 422 when the same key stands for another wish or another person's.
    """
    stored = await log.get(event.head.id)
    if stored is None:
        return False
    if stored.event.head.actor == event.head.actor and _data(stored.event) == _data(event):
        return True
    raise Refused(
        "Idempotency-Key used before",
        "this key was sent with another wish; make a new one for a new wish",
        status=422,
    )


async def say_once(log: EventLog, event: Event) -> None:
    """Append the event; a concurrent twin with the same key is the same wish, or is refused."""
    appended = await log.append([event])
    if event.head.id not in appended.new:
        await already(log, event)


def _data(event: Event) -> dict[str, object]:
    return event.model_dump(exclude={"head"})
