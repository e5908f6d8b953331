"""What somebody told us to look at soon.

Place in the flow: `web/hooks` stores them, the source they are for reads what they name and lays
them aside. A wake-up is never a fact: whoever reads it finds out for itself what is so.
"""

from dataclasses import dataclass

REGISTRY = "registry"
"""What wake-ups for the model registry are stored under."""


@dataclass(frozen=True, order=True)
class Hinted:
    """A registered model of any workspace we watch, or one version of it.

    `number` is empty when the model itself is meant: its aliases, its tags, that it is there.
    """

    model: str
    number: str = ""


@dataclass(frozen=True)
class Wakeup:
    """A subject that waits to be read; `upto` counts how far it was said when this was read."""

    source: str
    subject: Hinted
    upto: int
