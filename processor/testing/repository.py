"""Git in memory: commits, branches, merges.

Place in the flow: `testing/forge` stands on it.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from processor.errors import Terminal
from processor.values.proposal import CommitStatus, Proposal

OURS = "Sluice"


@dataclass(frozen=True)
class Commit:
    """A commit; `by` is author and committer, `at` seconds."""

    parents: tuple[str, ...]
    files: Mapping[str, bytes]
    message: str
    by: str
    at: int

    @property
    def sha(self) -> str:
        """Return the same for the same commit."""
        said = (self.parents, sorted(self.files.items()), self.message, self.by, self.at)
        return hashlib.sha1(repr(said).encode(), usedforsecurity=False).hexdigest()


@dataclass
class Kept:
    """A proposal as last written down."""

    proposal: Proposal
    opened: str
    comment: str | None = None
    listed: bool = True


@dataclass
class MemoryRepository:
    """Everything of one repository."""

    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    kept: list[Kept] = field(default_factory=list)
    statuses: dict[str, dict[str, CommitStatus]] = field(default_factory=dict)

    def add(self, commit: Commit) -> str:
        """Store a commit; return its sha."""
        self.commits[commit.sha] = commit
        return commit.sha

    def reach(self, sha: str) -> Iterator[str]:
        """Yield every commit reachable from one, nearest first."""
        queue, seen = [sha], {sha}
        while queue:
            now = queue.pop(0)
            if now not in self.commits:
                continue
            yield now
            fresh = [parent for parent in self.commits[now].parents if parent not in seen]
            queue += fresh
            seen.update(fresh)

    def has(self, ancestor: str, descendant: str) -> bool:
        """Tell whether one commit contains another."""
        return ancestor in self.reach(descendant)

    def parting(self, one: str, other: str) -> str | None:
        """Return the nearest commit both lines share."""
        theirs = set(self.reach(other))
        return next((sha for sha in self.reach(one) if sha in theirs), None)

    def changed(self, old: str, new: str) -> dict[str, bytes | None]:
        """Return what stands at each path that differs; None: deleted."""
        before, after = self.commits[old].files, self.commits[new].files
        return {
            path: after.get(path)
            for path in {*before, *after}
            if before.get(path) != after.get(path)
        }

    def own_line(self, tip: str) -> list[str]:
        """Return a branch's first-parent line, oldest first."""
        line = [tip]
        while parents := self.commits[line[-1]].parents:
            line.append(parents[0])
        return line[::-1]

    def merged(self, tip: str, head: str) -> dict[str, bytes]:
        """Return the base's files with the head's changes on top. Raises Terminal on conflict."""
        since = self.parting(tip, head) or tip
        ours, theirs = self.changed(since, head), self.changed(since, tip)
        clashing = [path for path in ours if theirs.get(path, ours[path]) != ours[path]]
        if clashing:
            raise Terminal(f"both changed {', '.join(sorted(clashing))}")
        content = {**self.commits[tip].files, **ours}
        return {path: body for path, body in content.items() if body is not None}

    def own(self, proposal: Proposal, main: str) -> Iterator[str]:
        """Yield a proposal's own commits: what its base has not, or had not before the merge."""
        known = set(self.reach(proposal.base_sha))
        if proposal.merge_sha is None:
            known |= set(self.reach(main))
        elif proposal.merge_sha != proposal.head_sha:
            known |= set(self.reach(self.commits[proposal.merge_sha].parents[0]))
        return (sha for sha in self.reach(proposal.head_sha) if sha not in known)
