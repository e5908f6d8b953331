"""Were the views what the events say?

Place in the flow: `sluice db refold` and `sealing` remember how the views stand before they fold
them anew, and compare afterwards. Both stands are tables, so that no size is too large.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from processor.rules.history import VIEWS


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A view whose rows were not what the events say: keys of each kind, all of them."""

    view: str
    missing: tuple[str, ...]
    changed: tuple[str, ...]
    surplus: tuple[str, ...]
    reordered: bool


def remember(connection: Connection) -> None:
    """Remember how every view stands, for as long as the connection lasts."""
    for view in VIEWS:
        for statement in (_FORGET, _COPY, _INDEX):
            connection.execute(text(statement.format(view=view.name)))


def differences(connection: Connection) -> Sequence[Difference]:
    """Return the views that were not as they are now."""
    found = []
    for view in VIEWS:
        missing, changed, surplus = (
            tuple(connection.execute(text(query.format(view=view.name))).scalars())
            for query in (_MISSING, _CHANGED, _SURPLUS)
        )
        step_back = text(_STEP_BACK.format(view=view.name))
        one = Difference(
            view=view.name,
            missing=missing,
            changed=changed,
            surplus=surplus,
            reordered=not missing
            and not surplus
            and connection.execute(step_back).first() is not None,
        )
        if one.missing or one.changed or one.surplus or one.reordered:
            found.append(one)
    return found


def counts(connection: Connection) -> dict[str, int]:
    """Return how many rows every view has, by its name."""
    return {
        view.name: connection.execute(
            text(f"SELECT count(*) FROM view_{view.name}")  # noqa: S608 - our own tables
        ).scalar_one()
        for view in VIEWS
    }


_FORGET = "DROP TABLE IF EXISTS temp.was_{view}"
_COPY = """
CREATE TEMP TABLE was_{view} AS SELECT n, key, model, slot, state, data FROM main.view_{view}
"""
_INDEX = "CREATE UNIQUE INDEX temp.was_{view}_by_key ON was_{view} (key)"
_MISSING = """
SELECT now.key FROM view_{view} AS now
WHERE NOT EXISTS (SELECT 1 FROM temp.was_{view} AS was WHERE was.key = now.key) ORDER BY now.n
"""
_SURPLUS = """
SELECT was.key FROM temp.was_{view} AS was
WHERE NOT EXISTS (SELECT 1 FROM view_{view} AS now WHERE now.key = was.key) ORDER BY was.n
"""
_CHANGED = """
SELECT now.key FROM view_{view} AS now JOIN temp.was_{view} AS was ON was.key = now.key
WHERE (now.model, now.slot, now.state, now.data) != (was.model, was.slot, was.state, was.data)
ORDER BY now.n
"""
_STEP_BACK = """
SELECT 1 FROM (
    SELECT was.n - lag(was.n) OVER (ORDER BY now.n) AS step
    FROM view_{view} AS now JOIN temp.was_{view} AS was ON was.key = now.key
) WHERE step < 0 LIMIT 1
"""
