"""How templates write moments, links and names.

Place in the flow: `server` hands them to the templates; everything is escaped after them.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import quote


def when(at: datetime | None) -> str:
    """Return a moment to the second, in UTC; nothing for None."""
    return at.strftime("%Y-%m-%d %H:%M:%S UTC") if at else ""


def segment(text: str) -> str:
    """Return a name as one path segment, slashes and all."""
    return quote(text, safe="")


def web_link(url: str) -> str:
    """Return a link a browser may follow, or nothing: what a forge says is not to be trusted."""
    return url if url.startswith(("https://", "http://")) else ""


def short(sha: str | None) -> str:
    """Return enough of a sha to tell it from others."""
    return (sha or "")[:12]


FILTERS: Mapping[str, Callable[..., str]] = {
    "when": when,
    "segment": segment,
    "web_link": web_link,
    "short": short,
}
