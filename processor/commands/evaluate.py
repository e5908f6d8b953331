"""Ask for a version to be judged (again).

Place in the flow: CLI and API call it; `evaluation.requested` starts the handler `evaluate`.
"""

from dataclasses import dataclass

from processor.commands.granted import Granted, already, check_key, check_signed_in, say_once
from processor.commands.ruled import policy_of
from processor.events import EvaluationRequested
from processor.policy.policy import Policies
from processor.ports.log import EventLog
from processor.values.about import About
from processor.values.principal import Principal
from processor.values.record import VersionRecord


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """One person's wish to know."""

    log: EventLog
    policies: Policies

    async def __call__(
        self, who: Principal, record: VersionRecord, reason: str, idempotency_key: str
    ) -> Granted:
        """Ask for one version. Raises Refused: 401, 409 no policy rules it, 422 (see approve)."""
        check_signed_in(who)
        check_key(idempotency_key)
        version = record.version
        policy_of(self.policies, version)  # without one there is no gate to ask
        event = EvaluationRequested(
            head=EvaluationRequested.heading(About.of(version), idempotency_key, actor=who),
            version=version,
            reason=reason,
        )
        if not await already(self.log, event):
            await say_once(self.log, event)
        return Granted("asked to judge", event.head.id)
