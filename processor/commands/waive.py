"""Let one gate of one version pass, until a moment.

Place in the flow: CLI and API call it; `waiver.given` has the version judged again. The gate's own
result stays on record beside it. A run that cannot vouch for a model is nobody's to waive.
"""

from dataclasses import dataclass
from datetime import datetime

from processor.commands.granted import Granted, already, check_key, check_signed_in, say_once
from processor.commands.operators import check_reason
from processor.commands.ruled import policy_of
from processor.errors import Refused
from processor.events import WaiverGiven
from processor.policy.policy import Policies, Policy
from processor.policy.targets import Approval
from processor.ports.clock import Clock
from processor.ports.log import EventLog
from processor.ports.views import Views
from processor.rules.approval import Parties, objection
from processor.rules.promotion import OPEN
from processor.values.about import About
from processor.values.people import People
from processor.values.principal import UNKNOWN, Principal
from processor.values.promotion import Promotion
from processor.values.record import VersionRecord


@dataclass(frozen=True, kw_only=True)
class Waive:
    """One person's wish that a gate does not count."""

    views: Views
    log: EventLog
    clock: Clock
    policies: Policies
    people: People

    async def __call__(
        self,
        who: Principal,
        record: VersionRecord,
        gate: str,
        until: datetime,
        reason: str,
        idempotency_key: str,
    ) -> Granted:
        """Waive the gate that results call `gate`; a second waiver takes the first one's place.

        Raises Refused: 400 no reason or key, or `until` is over; 401 not signed in, 403 not theirs
        to give, 404 no such gate, 409 no policy, or two; 422 the key was used for something else.
        """
        check_signed_in(who)
        check_key(idempotency_key)
        said = check_reason(reason, "whoever approves it")
        version = record.version
        policy = policy_of(self.policies, version)
        event = WaiverGiven(
            head=WaiverGiven.heading(About.of(version), idempotency_key, actor=who),
            version=version,
            gate=gate,
            reason=said,
            until=until,
        )
        granted = Granted("waived", event.head.id)
        if await already(self.log, event):
            return granted
        _check_gate(policy, gate)
        await self._may(who, policy, record)
        if until <= self.clock.now():
            raise Refused("Over already", f"{until:%Y-%m-%d %H:%M:%S %Z} is past", status=400)
        await say_once(self.log, event)
        return granted

    async def _may(self, who: Principal, policy: Policy, record: VersionRecord) -> None:
        """Refuse whoever could not approve the version at the default target.

        Where nobody is asked there, anyone we know may; never the trainer, nor whoever asked for
        the version somewhere.
        """
        rule = policy.default_target.approval
        if rule == "automatic":
            if who.name not in self.people.names:
                raise Refused("Not known", f"{who.name} is not under people:", status=403)
            rule = Approval(people=tuple(sorted(self.people.names)))
        training = record.judgement.training if record.judgement else None
        trainer = self.people.trainer(training.trainer) if training else UNKNOWN
        asked = [
            one.requested_by
            for one in await self.views.find(Promotion, model=record.version.key)
            if one.version == record.version and one.state in OPEN
        ]
        for requester in (UNKNOWN, *asked):
            if reason := objection(rule, who, Parties(requester, trainer, UNKNOWN)):
                raise Refused("Not yours to waive", reason, status=403)


def _check_gate(policy: Policy, gate: str) -> None:
    """Refuse a name no gate has."""
    titles = [one.title for one in policy.gates]
    if gate not in titles:
        raise Refused(
            "No such gate",
            f"{policy.models} has no gate {gate!r}; it has {'; '.join(titles)}",
            status=404,
        )
