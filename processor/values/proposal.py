"""A pull request in our own words.

Place in the flow: `ports/reading/proposals` returns them; `sources/proposals` judges their end.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from processor.values.principal import Principal


@dataclass(frozen=True)
class ProposalRef:
    """How a promotion remembers its pull request; shas are full hex."""

    number: int
    url: str
    branch: str
    head_sha: str
    base_sha: str


@dataclass(frozen=True)
class ScalarEdit:
    """One scalar a pull request changes; `old` is None where nothing stood."""

    file: str
    object: str
    path: str
    old: str | None
    new: str


@dataclass(frozen=True)
class CommitStatus:
    """Our word on a commit; `state` is what forges call it."""

    context: str
    state: Literal["pending", "success", "failure"]
    description: str


@dataclass(frozen=True)
class Proposal:
    """A pull request as the forge has it now.

    `promotion_id` is read from its marker (None: not ours); `void` marks one that ended only
    because we deleted its head branch: it is never adopted and never judged.
    """

    number: int
    url: str
    title: str
    body: str
    branch: str
    base: str
    head_sha: str
    base_sha: str
    state: Literal["open", "merged", "closed"]
    author: Principal
    promotion_id: str | None
    committers: tuple[Principal, ...] = ()
    merge_sha: str | None = None
    ended_by: Principal | None = None
    ended_at: datetime | None = None
    end_reason: str = ""
    void: bool = False

    @property
    def ref(self) -> ProposalRef:
        """Return what a promotion keeps of it."""
        return ProposalRef(self.number, self.url, self.branch, self.head_sha, self.base_sha)


@dataclass(frozen=True)
class Draft:
    """A pull request to be opened; equal drafts make an equal commit.

    `files` maps paths to whole new contents; `at` becomes the commit's date, so that the commit
    of a repeated attempt has the same sha.
    """

    promotion_id: str
    branch: str
    base_sha: str
    files: tuple[tuple[str, bytes], ...]
    message: str
    title: str
    body: str
    at: datetime
