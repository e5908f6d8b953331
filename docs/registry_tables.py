"""The two tables of docs/registry.md, from the very rows the tests do on a real MLflow.

Place in the flow: docs/generate.py puts them into the page.
"""

from collections.abc import Sequence

from tests.registry.operations import OPERATIONS, Operation, Told
from tests.registry.unseen import UNSEEN


def registry_tables() -> str:
    """Return both tables as Markdown."""
    lines = [
        "## What happens in the registry, and what is told\n",
        "The model `m` has versions 1 and 2; `champion` names 1, `challenger` names 2. Arrows are",
        "old and new value, `-` is none.\n",
        "| in the registry | events, in order |",
        "|---|---|",
        *(_row(one, "") for one in OPERATIONS),
        "\n## What looking now and then cannot see\n",
        "All of a row happens between two looks.\n",
        "| in the registry | told |",
        "|---|---|",
        *(_row(one, "nothing") for one in UNSEEN),
    ]
    return "\n".join(lines)


def _row(row: Operation, nothing: str) -> str:
    told = _events(row.told) or nothing
    if row.told_by_old is not None:
        told += f"; on MLflow 2.11: {_events(row.told_by_old)}"
    return f"| {row.name} | {told} |"


def _events(told: Sequence[Told]) -> str:
    return ", ".join(_event(one) for one in told)


def _event(told: Told) -> str:
    kind, subject, old, new = (text and text.format(m="m") for text in told)
    if kind == "model_version.observed":
        return f"`{kind}` {subject} (was {old})"
    change = "" if old is None and new is None else f": {old or '-'} → {new or '-'}"
    return f"`{kind}` {subject}{change}"
