"""A forge in memory, which misbehaves on request.

Place in the flow: tests hand it to handlers and sources as `ForgeReader`, to the effects door as
`ForgeWriter`. It passes the contract suite the real forges pass (tests/contracts/test_forge.py).
"""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from processor.errors import Terminal, Unavailable
from processor.rules.pull_request import marker_of, promotion_in
from processor.testing.repository import OURS, Commit, Kept, MemoryRepository
from processor.values.principal import SLUICE, UNKNOWN, Principal, claimed
from processor.values.proposal import CommitStatus, Proposal
from processor.values.slot import Repository


class MemoryForge:
    """One forge; the public attributes are its misbehaviour, `writes` is who changed what.

    `answer_lost`: the next `open` happens, but raises Unavailable. `open_late`: the next `open`
    raises Unavailable and happens only at `arrive`. `list_late`: `find` and `list_open` do not
    show what is opened now until `settle`. `down`: every call raises Unavailable. Which duplicates
    a product refuses is said by its subclass in `testing/forges`; here none is.
    """

    def __init__(
        self, name: str = "acme", now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Begin with no repository."""
        self.name = name
        self.now = now
        self.answer_lost = self.open_late = self.list_late = self.down = False
        self.writes: list[tuple[str, Principal]] = []
        self._repositories: dict[str, MemoryRepository] = {}
        self._late: list[tuple[Repository, str, str, str, str]] = []

    # What people and time do.

    def create_repository(
        self, where: Repository, files: Mapping[str, bytes], message: str = "first"
    ) -> str:
        """Make a repository with one commit on the branch; return its sha."""
        made = self._repositories[where.name] = MemoryRepository()
        made.branches[where.branch] = made.add(Commit((), dict(files), message, "someone", 0))
        return made.branches[where.branch]

    def person_pushes(
        self, where: Repository, branch: str, files: Mapping[str, bytes], name: str
    ) -> str:
        """Put a person's commit on a branch, or on a new one that starts at the base."""
        it = self._at(where)
        tip = it.branches.get(branch) or it.branches[where.branch]
        content = {**it.commits[tip].files, **files}
        it.branches[branch] = it.add(Commit((tip,), content, "by hand", name, self._seconds()))
        return it.branches[branch]

    def person_merges(self, where: Repository, branch: str, name: str) -> str:
        """Merge a branch into the base with plain git."""
        it = self._at(where)
        tip, head = it.branches[where.branch], it.branches[branch]
        merged = it.merged(tip, head)
        made = Commit((tip, head), merged, f"Merge {branch}", name, self._seconds())
        it.branches[where.branch] = it.add(made)
        return it.branches[where.branch]

    def person_moves(self, where: Repository, branch: str, sha: str | None) -> None:
        """Force a branch to a commit; None deletes it."""
        if sha is None:
            del self._at(where).branches[branch]
        else:
            self._at(where).branches[branch] = sha

    def arrive(self) -> None:
        """Let late requests happen; one whose branch is gone finds nothing to open."""
        for where, branch, title, body, promotion_id in self._late:
            if branch in self._at(where).branches:
                self._opened(where, branch, title, body, promotion_id)
        self._late.clear()

    def settle(self) -> None:
        """Show everything that was opened."""
        for it in self._repositories.values():
            for kept in it.kept:
                kept.listed = True

    # What stands in Git.

    async def head(self, where: Repository) -> str:
        """Return the branch's commit."""
        return self._tip(self._at(where), where.branch)

    async def read(self, where: Repository, sha: str, file: str) -> bytes | None:
        """Return a file at a commit."""
        it = self._at(where)
        if sha not in it.commits:
            raise Terminal(f"{self.name} has no commit {sha}")
        return it.commits[sha].files.get(file)

    async def contains(self, where: Repository, ancestor: str, descendant: str) -> bool:
        """Tell whether a commit is reachable from another."""
        return self._at(where).has(ancestor, descendant)

    async def commit(
        self,
        where: Repository,
        branch: str,
        base_sha: str,
        files: tuple[tuple[str, bytes], ...],
        message: str,
        at: datetime,
    ) -> str:
        """Create a branch with one commit."""
        it = self._at(where)
        if base_sha not in it.commits:
            raise Terminal(f"{self.name} has no commit {base_sha}")
        content = {**it.commits[base_sha].files, **dict(files)}
        sha = it.add(Commit((base_sha,), content, message, OURS, int(at.timestamp())))
        if it.branches.setdefault(branch, sha) != sha:
            raise Terminal(f"branch {branch} is at {it.branches[branch]}, never overwritten")
        self.writes.append((f"commit {branch}", SLUICE))
        return sha

    async def delete_branch(self, where: Repository, branch: str, expected: str) -> None:
        """Delete a branch at its expected commit; its open proposals become void."""
        it = self._at(where)
        if it.branches.get(branch, expected) != expected:
            raise Terminal(f"branch {branch} is at {it.branches[branch]}, not at {expected}")
        for kept in it.kept:
            if kept.proposal.branch == branch and self._seen(it, kept).state == "open":
                reason = "withdrawn: its branch was deleted by us"
                self._end(it, kept, "closed", SLUICE, end_reason=reason, void=True)
        it.branches.pop(branch, None)
        self.writes.append((f"delete {branch}", SLUICE))

    # Proposals, in every state.

    async def find(self, where: Repository, promotion_id: str) -> Sequence[Proposal]:
        """Return a promotion's proposals."""
        it = self._at(where)
        seen = [self._seen(it, kept) for kept in it.kept if kept.listed]
        return [proposal for proposal in seen if proposal.promotion_id == promotion_id]

    async def get(self, where: Repository, number: int) -> Proposal:
        """Return one proposal."""
        it = self._at(where)
        return self._seen(it, self._kept(it, number))

    async def check(self) -> str:
        """Return one line for `doctor`."""
        return f"{self.name}: in memory"

    async def list_open(self, where: Repository) -> Sequence[Proposal]:
        """Return the open proposals against the branch."""
        it = self._at(where)
        seen = [self._seen(it, kept) for kept in it.kept if kept.listed]
        return [each for each in seen if (each.state, each.base) == ("open", where.branch)]

    async def diff(self, where: Repository, number: int) -> str:
        """Return what the proposal changes."""
        it, seen = self._at(where), await self.get(where, number)
        old, new = it.commits[seen.base_sha].files, it.commits[seen.head_sha].files
        lines: list[str] = []
        for path in sorted(it.changed(seen.base_sha, seen.head_sha)):
            before, after = (side.get(path, b"").decode(errors="replace") for side in (old, new))
            lines += difflib.unified_diff(
                before.splitlines(), after.splitlines(), f"a/{path}", f"b/{path}", lineterm=""
            )
        return "\n".join(lines)

    async def open(
        self, where: Repository, branch: str, title: str, body: str, promotion_id: str
    ) -> Proposal:
        """Open one more proposal."""
        it = self._at(where)
        if self.open_late:
            self.open_late = False
            self._late.append((where, branch, title, body, promotion_id))
            raise Unavailable(f"forge {self.name}", "no answer")
        head = self._tip(it, branch)
        if it.has(head, self._tip(it, where.branch)):
            raise Terminal(f"branch {branch} has nothing to merge into {where.branch}")
        await self._admit(it, where, branch)
        number = self._opened(where, branch, title, body, promotion_id)
        if self.answer_lost:
            self.answer_lost = False
            raise Unavailable(f"forge {self.name}", "the answer was lost")
        return await self.get(where, number)

    async def close(self, where: Repository, number: int, reason: str, by: Principal) -> None:
        """Close an open one."""
        it = self._at(where)
        kept = self._kept(it, number)
        if self._seen(it, kept).state == "open":
            self._end(it, kept, "closed", by, end_reason=reason)
            self.writes.append((f"close #{number}", by))

    async def merge(
        self, where: Repository, number: int, expected_head: str, by: Principal
    ) -> None:
        """Merge an open one at its expected head."""
        it = self._at(where)
        kept = self._kept(it, number)
        seen = self._seen(it, kept)
        if seen.state == "merged":
            return
        if seen.state == "closed":
            raise Terminal(f"{seen.url} was closed: {seen.end_reason}")
        if seen.head_sha != expected_head:
            raise Terminal(f"{seen.url} moved from {expected_head} to {seen.head_sha}")
        tip = self._tip(it, seen.base)
        content = it.merged(tip, seen.head_sha)
        message = f"Merge #{number}\n\nMerged-By: {by.name}"
        sha = it.add(Commit((tip, seen.head_sha), content, message, OURS, self._seconds()))
        self._end(it, kept, "merged", by, merge_sha=sha)
        it.branches[seen.base] = sha
        self.writes.append((f"merge #{number}", by))

    async def statuses(self, where: Repository, sha: str) -> Sequence[CommitStatus]:
        """Return the statuses of a commit."""
        return list(self._at(where).statuses.get(sha, {}).values())

    async def set_status(self, where: Repository, sha: str, status: CommitStatus) -> None:
        """Set one status."""
        it = self._at(where)
        if sha not in it.commits:
            raise Terminal(f"{self.name} has no commit {sha}")
        it.statuses.setdefault(sha, {})[status.context] = status
        self.writes.append((f"status {status.context}", SLUICE))

    async def comment(self, where: Repository, number: int) -> str | None:
        """Return our sticky comment."""
        return self._kept(self._at(where), number).comment

    async def set_comment(self, where: Repository, number: int, body: str) -> None:
        """Write our sticky comment."""
        self._kept(self._at(where), number).comment = body
        self.writes.append((f"comment #{number}", SLUICE))

    # What the above stand on.

    async def _admit(self, it: MemoryRepository, where: Repository, branch: str) -> None:
        """Let one more proposal of a branch in, or raise Terminal with the product's answer."""

    def _at(self, where: Repository) -> MemoryRepository:
        """Return the repository, if the forge is up and has it."""
        if self.down:
            raise Unavailable(f"forge {self.name}", "down")
        if where.name not in self._repositories:
            raise Terminal(f"forge {self.name} has no repository {where.name}")
        return self._repositories[where.name]

    def _seconds(self) -> int:
        """Return the forge's time."""
        return int(self.now().timestamp())

    def _tip(self, it: MemoryRepository, branch: str) -> str:
        """Return a branch's commit."""
        if branch not in it.branches:
            raise Terminal(f"forge {self.name} has no branch {branch}")
        return it.branches[branch]

    def _kept(self, it: MemoryRepository, number: int) -> Kept:
        """Return a proposal as kept."""
        if not 1 <= number <= len(it.kept):
            raise Terminal(f"forge {self.name} has no proposal #{number}")
        return it.kept[number - 1]

    def _opened(
        self, where: Repository, branch: str, title: str, body: str, promotion_id: str
    ) -> int:
        """Keep a new proposal; return its number."""
        it = self._at(where)
        head, number = it.branches[branch], len(it.kept) + 1
        marked = promotion_in(body) == promotion_id
        proposal = Proposal(
            number=number,
            url=f"memory:{self.name}/{where.name}#{number}",
            title=title,
            body=body if marked else f"{body}\n\n{marker_of(promotion_id)}",
            branch=branch,
            base=where.branch,
            head_sha=head,
            base_sha=it.parting(head, it.branches[where.branch]) or head,
            state="open",
            author=SLUICE,
            promotion_id=promotion_id,
        )
        it.kept.append(Kept(proposal, head, listed=not self.list_late))
        self.writes.append((f"open #{number}", SLUICE))
        return number

    def _end(
        self, it: MemoryRepository, kept: Kept, state: str, by: Principal, **facts: str | bool
    ) -> None:
        """Write down an end."""
        head = it.branches.get(kept.proposal.branch, kept.proposal.head_sha)
        ended = {"state": state, "ended_by": by, "ended_at": self.now(), "head_sha": head, **facts}
        kept.proposal = replace(kept.proposal, **ended)  # type: ignore[arg-type]

    def _seen(self, it: MemoryRepository, kept: Kept) -> Proposal:
        """Return a proposal as it is now: what plain git did to it counts."""
        was = kept.proposal
        if was.state == "open":
            was = replace(was, head_sha=it.branches.get(was.branch, was.head_sha))
        main = it.branches.get(was.base, was.base_sha)
        if was.state != "merged" and it.has(was.head_sha, main):
            was = self._contained(it, kept, was, main)
        elif was.state == "open" and was.branch not in it.branches:
            was = _left(was, f"the branch {was.branch} was deleted")
        wrote: dict[Principal, None] = {}
        for sha in it.own(was, main):
            ours = it.commits[sha].by == OURS and it.has(sha, kept.opened)
            wrote[SLUICE if ours else claimed(it.commits[sha].by)] = None
        return replace(was, committers=tuple(wrote))

    def _contained(self, it: MemoryRepository, kept: Kept, was: Proposal, main: str) -> Proposal:
        """Return a proposal whose head the base contains: merged, or its branch was reset."""
        merge = next(sha for sha in it.own_line(main) if it.has(was.head_sha, sha))
        moved_onto = merge == was.head_sha != kept.proposal.head_sha
        lost = moved_onto and not it.has(kept.proposal.head_sha, main)
        if lost or it.has(was.head_sha, was.base_sha):
            reason = f"the branch {was.branch} was reset to a commit of {was.base}"
            return _left(was, reason) if was.state == "open" else was
        made = it.commits[merge]
        return replace(
            was,
            state="merged",
            merge_sha=merge,
            ended_by=UNKNOWN if made.by == OURS else claimed(made.by),
            ended_at=datetime.fromtimestamp(made.at, UTC),
            end_reason="",
            void=False,
        )


def _left(was: Proposal, reason: str) -> Proposal:
    """Return a proposal somebody ended without saying who they are."""
    return replace(was, state="closed", ended_by=UNKNOWN, end_reason=reason)
