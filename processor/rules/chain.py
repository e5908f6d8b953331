"""The hash chain over placed events.

Place in the flow: the relay's `place` links each event to the one before; an edit, removal or
reordering breaks every later link.
"""

import hashlib
import json
from collections.abc import Mapping

START = "0" * 64
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def link(previous: str, pos: int, facts: Mapping[str, object]) -> str:
    """Return sha256 over the previous hash, the place and the event's canonical JSON."""
    text = _CANONICAL.encode({**facts, "pos": pos})
    return hashlib.sha256(previous.encode() + text.encode()).hexdigest()


def sequence(incarnation: int, pos: int) -> str:
    """Return the fixed-width `sequence` of a record: a restore's always sorts behind."""
    return f"{incarnation:06d}-{pos:014d}"
