"""What a source last saw of one subject.

Place in the flow: sources keep one row per subject in the ledger and change it by
compare-and-set on the revision they held before they asked the outside.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Snapshot:
    """`data` is the source's own JSON text (None: gone); `revision` 0 means never seen."""

    subject: str
    revision: int
    data: str | None
