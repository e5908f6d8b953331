"""Who may stop, hold and repair.

Place in the flow: pause, resume, hold, release, retry and drop ask it first. Anybody under
`people:` may: stopping harms nobody, and whoever is awake at night must not have to look for the
one with the right.
"""

from dataclasses import dataclass

from processor.commands.granted import check_signed_in
from processor.errors import Refused
from processor.values.people import People
from processor.values.principal import Principal


@dataclass(frozen=True)
class Operators:
    """`alone`: no process runs, so nobody can sign in; whoever may write the ledger's file may."""

    people: People
    alone: bool = False

    def check(self, who: Principal) -> None:
        """Raise Refused: 401 not signed in, 403 nobody we know."""
        if self.alone and who.assurance == "claimed":
            return
        check_signed_in(who)
        if who.name not in self.people.names:
            raise Refused("Not known", f"{who.name} is not under people:", status=403)


def check_reason(reason: str, readers: str) -> str:
    """Return the reason without the spaces around it. Raises Refused 400 for none."""
    if not reason.strip():
        raise Refused("Reason needed", f"say why: {readers} will read it", status=400)
    return reason.strip()
