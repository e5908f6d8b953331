"""How the products we depend on are doing.

Place in the flow: breakers, sources and worker report, `/readyz`, status and doctor read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class State:
    """`problem` is empty when it answers; `since` is when that began."""

    problem: str
    since: datetime


class Dependencies(Protocol):
    """Named states: `registry`, `forge <name>`, `cluster <name>`, `endpoint <name>`, `ledger`.

    `writes` and `writes of <model key>` are there too: down while an operator has paused them.
    """

    def report(self, name: str, problem: str = "", *, by: str = "") -> None:
        """Say that a product answers, or why it does not.

        `by` is the look whose word it is: it stands until that look takes it back; without it,
        until anybody finds that the product answers.
        """
        ...

    def recovered(self) -> Sequence[str]:
        """Return the products that answer again since this was last asked."""
        ...

    def states(self) -> Mapping[str, State]:
        """Return the state of everything heard of so far."""
        ...
