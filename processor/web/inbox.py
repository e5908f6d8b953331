"""`POST /events`: what pipelines and scanners say.

Place in the flow: size (guard), then token, then form, then meaning; what passes is stored in one
transaction and answered 202. Engine and handlers go on from the log; nothing is decided here. What
was said before is answered as such, and the same id with another meaning is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from processor.errors import Refused
from processor.events import Event
from processor.events.codec import Message, decode_foreign, parse_binary, parse_structured
from processor.events.mapped import TrainingMap
from processor.policy.policy import Policies
from processor.ports.log import EventLog
from processor.web.answers import answer
from processor.web.bodies import raw
from processor.web.repeats import Repeats
from processor.web.token_file import TokenFile

_STRUCTURED = "application/cloudevents+json"
_BATCH = "application/cloudevents-batch+json"
_PLAIN = "application/json"
_MOST = 500  # events of one batch: one transaction, not a minute of everybody's time


@dataclass(frozen=True, kw_only=True)
class Inbox:
    """The door for events from outside."""

    log: EventLog
    policies: Policies
    registry: str
    token: TokenFile
    training: TrainingMap | None = None

    def routes(self) -> Sequence[web.RouteDef]:
        """Return where it listens."""
        return [web.post("/events", self.receive)]

    async def receive(self, request: web.Request) -> web.Response:
        """Store one event or a batch, all of it or nothing.

        202 {accepted, duplicates: ids, already: sentences}. Refuses with 400, 401, 403, 408, 409,
        413, 415, 422.
        """
        self.token.check(request)
        events = [self._decode(message) for message in await self._messages(request)]
        repeats = Repeats(log=self.log, events=events)
        await repeats.refuse_contradictions()
        already = await repeats.trainings_told_before()
        appended = await self.log.append(events)
        ids = list(dict.fromkeys(event.head.id for event in events))
        found = {
            "accepted": [one for one in ids if one in appended.new],
            "duplicates": [one for one in ids if one not in appended.new],
            "already": already,
        }
        if found["duplicates"]:  # somebody may have said otherwise at this very moment
            await repeats.refuse_contradictions()
        return answer(found, HTTPStatus.ACCEPTED)

    async def _messages(self, request: web.Request) -> Sequence[Message]:
        """Return what the body holds, by the three modes of CloudEvents over HTTP."""
        form = request.content_type
        body = await raw(request)
        if form in {_STRUCTURED, _BATCH}:
            messages = parse_structured(body)
        elif "ce-specversion" in request.headers:
            messages = [parse_binary(request.headers, body)]
        elif form == _PLAIN and self.training is not None:
            messages = [self.training.message(body)]
        else:
            raise Refused(
                "Not a CloudEvent",
                f"send Content-Type: {_STRUCTURED} (or {_BATCH}), or ce-* headers; JSON of your "
                "own is read once training.map says how",
                status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            )
        if not messages or len(messages) > _MOST:
            raise Refused("Malformed event", f"a batch holds 1 to {_MOST} events", status=400)
        return messages

    def _decode(self, message: Message) -> Event:
        attributes, data = message
        return decode_foreign(
            attributes, data, registry_id=self.registry, awaited=self.policies.awaited_types
        )
