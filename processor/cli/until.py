"""When something a person grants shall end, as they type it.

Place in the flow: `hold` and `waive` read `--until` with it. What is sent is a moment, so that a
wish that is repeated asks for the same one.
"""

from datetime import UTC, datetime, timedelta

from pydantic import TypeAdapter, ValidationError

from processor.policy.gates import Duration
from processor.settings.load import ConfigError
from processor.views.as_of import moment

_SPAN: TypeAdapter[timedelta] = TypeAdapter(Duration)


def until(text: str) -> datetime:
    """Read `7d`, `12h`, a date (its end) or a moment. Raises ConfigError, Refused."""
    if text[:4].isdecimal() and "-" in text:
        return moment(text)
    try:
        span = _SPAN.validate_python(text)
        return datetime.now(UTC) + span
    except (ValidationError, OverflowError) as exc:
        raise ConfigError(
            [f"--until: {text!r} is not like 7d, 12h, 2026-04-01 or 2026-04-01T12:00Z"]
        ) from exc
