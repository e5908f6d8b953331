"""How long something lasts, as people write it.

Place in the flow: documents, `config explain` and `why-not` print durations with it; policies and
settings are written the same way.
"""

from datetime import timedelta

_SIZES = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def span(length: timedelta) -> str:
    """Return `90s`, `10m`, `24h` or `7d`: the largest unit that needs no fraction."""
    seconds = length.total_seconds()
    for unit, size in _SIZES:
        if seconds and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{seconds:g}s"
