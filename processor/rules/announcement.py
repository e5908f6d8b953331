"""What a person is told about an event, in one line.

Place in the flow: `announce` sends it; patterns in `notify:` choose the events.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from processor.events import (
    EvaluationFailed,
    EvaluationInconclusive,
    Event,
    PromotionBypassed,
    PromotionProposed,
    RolloutSucceeded,
    ServingChanged,
    TargetHeld,
    TargetReleased,
    WorkDied,
    WorkDropped,
    WorkRetried,
    WritesPaused,
    WritesResumed,
)
from processor.rules.gates.verdict import shortfalls
from processor.values.version import parts_of


def wanted(patterns: Sequence[str], kind: type[Event]) -> bool:
    """Tell whether any pattern (`promotion.*`) asks for this kind of event."""
    return any(fnmatchcase(kind.kind, pattern) for pattern in patterns)


def text_of(event: Event) -> str:
    """Return one plain line; control characters of foreign names are made harmless."""
    version = getattr(event, "version", None)
    target = getattr(event, "target", None)
    words = [event.kind.replace(".", " ").replace("_", " ")]
    if version is not None:
        words.insert(0, str(version))
    if target:
        words.append(f"({target})")
    detail = _detail(event)
    line = " ".join(words) + (f": {detail}" if detail else "")
    return "".join(c if c.isprintable() else " " for c in line)


def _detail(event: Event) -> str:
    """Return what makes this event worth reading."""
    match event:
        case EvaluationFailed() | EvaluationInconclusive():
            return "; ".join(shortfalls(event.results))
        case PromotionProposed():
            return event.proposal.url
        case PromotionBypassed():
            return "; ".join(event.unmet)
        case ServingChanged():
            return f"{event.uri or 'nothing answers'}{'' if event.approved else ' (not approved)'}"
        case RolloutSucceeded():
            return event.endpoint
        case WorkDied():
            return f"{event.handler} gave up: {event.reason}"
        case WritesPaused() | WritesResumed() | TargetHeld() | TargetReleased():
            return _wished(event, parts_of(event.head.key)[2:])
        case WorkRetried() | WorkDropped():
            return _wished(event, (event.handler,))
        case _:
            return str(getattr(event, "reason", "") or "")


def _wished(
    event: WritesPaused | WritesResumed | TargetHeld | TargetReleased | WorkRetried | WorkDropped,
    about: Sequence[str],
) -> str:
    """Return what an operator did: about which model or handler, who, and why."""
    words = [*about, f"by {event.head.actor}"]
    return " ".join(words) + (f": {event.reason}" if event.reason else "")
