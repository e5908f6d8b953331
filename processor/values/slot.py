"""Where in Git a model's serving version is written: one model per slot.

Place in the flow: promotions, proposals and rollouts of one slot share a lane.
"""

from dataclasses import dataclass

from processor.values.version import key_of


@dataclass(frozen=True, order=True)
class Repository:
    """A repository on a named forge, and the branch that is watched there."""

    forge: str
    name: str
    branch: str


@dataclass(frozen=True, order=True)
class Slot:
    """One scalar in one object in one file on one branch."""

    forge: str
    repository: str
    branch: str
    file: str
    object: str
    path: str

    @property
    def key(self) -> str:
        """Return the slot as one percent-encoded string, usable as a lane and a view key."""
        return key_of(self.forge, self.repository, self.branch, self.file, self.object, self.path)

    @property
    def where(self) -> Repository:
        """Return the repository and branch the slot lives on."""
        return Repository(self.forge, self.repository, self.branch)
