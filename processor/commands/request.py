"""Ask for a version to serve at a target.

Place in the flow: CLI and API call it; `promotion.requested` opens a promotion. It is how a
person undoes a rejection, decides an inconclusive verdict, or sends a version further on.
"""

from dataclasses import dataclass

from processor.commands.granted import Granted, already, check_key, check_signed_in, say_once
from processor.commands.ruled import target_of
from processor.errors import Refused
from processor.events import PromotionRequested
from processor.policy.policy import Policies
from processor.ports.log import EventLog
from processor.rules.slots import slot_of
from processor.values.about import About
from processor.values.people import People
from processor.values.principal import Principal
from processor.values.promotion import promotion_id_of
from processor.values.record import Judgement, VersionRecord


@dataclass(frozen=True, kw_only=True)
class Request:
    """One person's wish for a version to serve."""

    log: EventLog
    policies: Policies
    people: People

    async def __call__(
        self, who: Principal, record: VersionRecord, target: str, reason: str, idempotency_key: str
    ) -> Granted:
        """Ask; the requester can then not approve.

        Raises Refused: 401 not signed in, 403 nobody we know, 404 no such target, 409 not judged
        or the gates failed, 422 (see approve).
        """
        check_signed_in(who)
        check_key(idempotency_key)
        if who.name not in self.people.names:
            raise Refused("Not known", f"{who.name} is not under people:", status=403)
        version = record.version
        where = target_of(self.policies, version, target)
        judgement = self._judged(record)
        event = PromotionRequested(
            head=PromotionRequested.heading(
                About.of(version, where.name), idempotency_key, actor=who
            ),
            version=version,
            target=where.name,
            slot=slot_of(where, version.model),
            evaluation_id=judgement.event_id,
            reason=reason,
        )
        if not await already(self.log, event):
            await say_once(self.log, event)
        return Granted("requested", event.head.id, promotion_id_of(event.head.id))

    @staticmethod
    def _judged(record: VersionRecord) -> Judgement:
        """Return the verdict it rests on; a failed gate is not a person's to wave through."""
        judgement = record.judgement
        if judgement is None or judgement.verdict is None:
            raise Refused("Not judged", f"the gates have not judged {record.version} yet")
        if judgement.verdict == "failed":
            failed = [gate for gate in judgement.results if gate.verdict == "failed"]
            why = "; ".join(gate.reason or gate.gate for gate in failed)
            raise Refused("The gates failed", f"{record.version}: {why}")
        return judgement
