"""What changed in the registry between two looks, said as events.

Place in the flow: `sources/registry` gives what it held and what it reads now; what comes back
goes to the ledger in one append. Pure: the clock's moments are in the `Look`.

Ids: a version's or model's appearance and end are told by its creation time, the registry's own
fact; everything else by incarnation and snapshot revision, since champion v1 -> v2 -> v1 is three
facts.
"""

from processor.rules.changes.found import (
    Found,
    HeldModel,
    HeldVersion,
    model_subject,
    subject_of,
)
from processor.rules.changes.models import (
    of_gone_model,
    of_model,
    of_new_model,
    of_renamed,
    same_model,
)
from processor.rules.changes.versions import (
    of_creation,
    of_gone,
    of_moved,
    of_new,
    of_version,
)

__all__ = [
    "Found",
    "HeldModel",
    "HeldVersion",
    "model_subject",
    "of_creation",
    "of_gone",
    "of_gone_model",
    "of_model",
    "of_moved",
    "of_new",
    "of_new_model",
    "of_renamed",
    "of_version",
    "same_model",
    "subject_of",
]
