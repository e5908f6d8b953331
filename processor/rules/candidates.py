"""Which version may be asked for at a target without a person who asks?

Place in the flow: advance and renew ask by it. Nothing automatic overrides a person, or takes a
target back to an older version.
"""

from collections.abc import Iterable, Sequence

from processor.rules.holds import was_held
from processor.rules.promotion import MERGED, OPEN
from processor.values.deadline import Deadline
from processor.values.principal import SLUICE
from processor.values.promotion import Promotion
from processor.values.record import VersionRecord
from processor.values.serving import Serving
from processor.values.version import Version


def newest_passer(records: Iterable[VersionRecord]) -> VersionRecord | None:
    """Return the newest version in the registry whose newest evaluation passed."""
    passed = [row for row in records if not row.deleted and verdict(row) == "passed"]
    return max(passed, key=lambda row: _age(row.version), default=None)


def soaked(serving: Serving | None, soak: Deadline | None) -> Version | None:
    """Return the version that has served its soak at the target before, and still does."""
    if serving is None or soak is None or not soak.passed or soak.lifted:
        return None
    same = serving.approved and serving.version == soak.version
    return soak.version if same else None


def may_ask(promotions: Sequence[Promotion], version: Version, target: str) -> bool:
    """Tell whether a model's version may be asked for at a target by Sluice itself.

    Not when it is there or on its way, a person said no, a newer one took its place, or a newer
    one is there or on its way.
    """
    for one in promotions:
        if one.target != target:
            continue
        if one.version == version and one.state in OPEN | MERGED | {"rejected", "superseded"}:
            return False
        if is_newer(one.version, version) and one.state in OPEN | MERGED:
            return False
    return True


def is_newer(one: Version, other: Version) -> bool:
    """Tell whether the first of two versions of a model was made after the second."""
    return _age(one) > _age(other)


def held_wish(promotions: Sequence[Promotion], target: str) -> Promotion | None:
    """Return the newest promotion of a model's target that only a hold was in the way of.

    None when something is on its way there, or its version was asked for again since.
    """
    here = [one for one in promotions if one.target == target]
    if any(one.state in OPEN for one in here):
        return None
    held = max((one for one in here if was_held(one)), key=_asked, default=None)
    if held is None:
        return None
    same = [one for one in here if one.version == held.version and one.id != held.id]
    again = any(one.state in MERGED or one.requested_at > held.requested_at for one in same)
    return None if again else held


def still_wanted(wish: Promotion, record: VersionRecord | None) -> bool:
    """Tell whether what met a hold may be asked anew; a person may decide the inconclusive."""
    if record is None or record.deleted:
        return False
    asked_by_person = wish.requested_by != SLUICE
    return verdict(record) == "passed" or (asked_by_person and verdict(record) == "inconclusive")


def verdict(record: VersionRecord) -> str:
    """Return the newest verdict, empty while there is none."""
    return (record.judgement.verdict or "") if record.judgement else ""


def _asked(one: Promotion) -> tuple[object, str]:
    return one.requested_at, one.id


def _age(version: Version) -> tuple[int, int]:
    """Return what orders a model's versions: when they were made, then their number."""
    return version.created_ms, int(version.number)
