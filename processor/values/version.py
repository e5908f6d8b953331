"""Who a model version is: a recreated model is another model.

Place in the flow: every event, view row and port speaks of versions with this noun.
Source: MLflow reuses version numbers after a model is deleted and made again, so the
creation time belongs to the identity.
"""

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote


@dataclass(frozen=True, order=True)
class Version:
    """One version in one registry; `created_ms` is the registry's clock in milliseconds."""

    registry: str
    workspace: str
    model: str
    number: str
    created_ms: int

    @property
    def key(self) -> str:
        """Return `<registry>/<workspace>/<model>`, parts percent-encoded."""
        return key_of(self.registry, self.workspace, self.model)

    @property
    def path(self) -> str:
        """Return the key with the version behind it: unique for ever."""
        return f"{self.key}/versions/{key_of(self.number)}.{self.created_ms}"

    def __str__(self) -> str:
        """Return what a person reads: `fraud v7`."""
        return f"{self.model} v{self.number}"


@lru_cache(maxsize=4096)
def key_of(*parts: str) -> str:
    """Join parts into a key, each percent-encoded so that a slash in a name stays in it."""
    return "/".join(quote(part, safe="") for part in parts)


def parts_of(key: str) -> tuple[str, ...]:
    """Return the parts a key was joined from."""
    return tuple(unquote(part) for part in key.split("/"))
