"""Who may say yes, and what is still missing.

Place in the flow: approve refuses by it, vouch prints it, merge waits for it, and
`sources/proposals` decides by it between approved and bypassed.
Nobody approves their own change: requester, trainer, registrar and committers never count.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from processor.policy.targets import Approval as Rule
from processor.values.people import People
from processor.values.principal import SLUICE, UNKNOWN, Principal
from processor.values.promotion import Promotion
from processor.values.proposal import Proposal
from processor.values.record import VersionRecord

Written = Rule | Literal["automatic"]


@dataclass(frozen=True)
class Parties:
    """Whose change it is."""

    requester: Principal
    trainer: Principal
    registrar: Principal
    committers: tuple[Principal, ...] = ()

    @property
    def roles(self) -> tuple[tuple[str, Principal], ...]:
        """Return each party with the word for it."""
        return (
            ("requester", self.requester),
            ("trainer", self.trainer),
            ("registrar", self.registrar),
            *(("committer", who) for who in self.committers),
        )


def parties_of(
    promotion: Promotion, record: VersionRecord | None, proposal: Proposal | None, people: People
) -> Parties:
    """Return whose change a promotion is, under the names of `people`.

    Committers are those of the pull request where it was asked for, else those last heard of.
    """
    training = record.judgement.training if record and record.judgement else None
    return Parties(
        requester=promotion.requested_by,
        trainer=people.trainer(training.trainer) if training else UNKNOWN,
        registrar=UNKNOWN,
        committers=tuple(
            people.committer(who)
            for who in (proposal if proposal is not None else promotion).committers
            if who != SLUICE
        ),
    )


def objection(rule: Written, who: Principal, parties: Parties) -> str | None:
    """Return why this person's yes does not count, or None when it does."""
    if rule == "automatic":
        return "this target is approved automatically; nobody's yes is asked"
    if who.assurance != "authenticated":
        return f"{who} is not signed in"
    if who.name not in rule.people:
        return f"{who.name} is not among the approvers: {', '.join(rule.people)}"
    for role, party in parties.roles:
        if party.name == who.name and party != UNKNOWN:
            return f"{who.name} is the {role} of this change, and nobody approves their own"
    return None


def counted(
    rule: Written, promotion: Promotion, parties: Parties, head_sha: str
) -> tuple[Principal, ...]:
    """Return the people whose yes to exactly this head counts, once each."""
    return tuple(
        dict.fromkeys(
            approval.by
            for approval in promotion.approvals
            if approval.head_sha == head_sha and objection(rule, approval.by, parties) is None
        )
    )


def needed(rule: Written, parties: Parties, *, restores: bool = False) -> int:
    """Return how many people have to say yes; a way back to what served before needs one."""
    if rule == "automatic":
        return 0
    if restores:
        return 1
    unknown = UNKNOWN.name in {parties.trainer.name, parties.registrar.name}
    return rule.count + (1 if unknown and rule.unknown_author == "two" else 0)


def unmet(rule: Written, promotion: Promotion, parties: Parties, head_sha: str) -> Sequence[str]:
    """Return what is still missing before this head may be merged, in words; empty: nothing.

    Without people, the gates are all that vouches: only for the head we proposed, and only while
    nobody else's commit is in it.
    """
    if rule == "automatic":
        return _strange(promotion, parties, head_sha)
    have = counted(rule, promotion, parties, head_sha)
    short = needed(rule, parties, restores=promotion.restores) - len(have)
    missing = []
    if short > 0:
        able = [
            name
            for name in rule.people
            if objection(rule, Principal(name, "authenticated"), parties) is None
            and name not in {who.name for who in have}
        ]
        missing.append(
            f"{short} approval{'s' if short > 1 else ''} missing; "
            f"can be given by {', '.join(able) if able else 'nobody: widen approval.people'}"
        )
    return missing


def _strange(promotion: Promotion, parties: Parties, head_sha: str) -> Sequence[str]:
    """Return what is on the branch besides what we proposed."""
    opened = promotion.opened_head or (promotion.proposal.head_sha if promotion.proposal else "")
    if opened and head_sha != opened:
        return (f"the head moved to {head_sha} after it was proposed",)
    if parties.committers:
        names = ", ".join(str(who) for who in parties.committers)
        return (f"the branch holds commits by {names}, and this target asks nobody about them",)
    return ()
