"""Both halves of the forge ports over bare repositories `<path>/<repository>.git`.

Place in the flow: `app` builds one per `forges:` entry of kind local; readers get it as
`ForgeReader`, `engine/effects` alone as `ForgeWriter`.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from processor.adapters.forges.local import store
from processor.adapters.forges.local.fate import as_now
from processor.adapters.forges.local.git import NOTHING, Git, dated
from processor.adapters.forges.local.merge import merge_commit, parting
from processor.adapters.forges.local.objects import (
    Entry,
    blob,
    changes,
    commit,
    entry_at,
    named,
    resolve,
    tree,
)
from processor.adapters.forges.local.repository import check_protected
from processor.errors import Terminal, Unavailable
from processor.rules.pull_request import marker_of, promotion_in
from processor.values.principal import SLUICE, Principal
from processor.values.proposal import CommitStatus, Proposal
from processor.values.slot import Repository

_TRIES = 50  # a lost race means another writer won one


def _utc() -> datetime:
    """Return this machine's time: it is the forge's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class LocalForge:
    """A directory of bare repositories; `name` is the one under `forges:`."""

    name: str
    path: Path
    now: Callable[[], datetime] = _utc
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(8), repr=False)

    @property
    def product(self) -> str:
        """Return how an operator knows this forge."""
        return f"forge {self.name}"

    async def check(self) -> str:
        """Return one line for `doctor`.

        Raises Unavailable when the directory is missing, Terminal when pushes could forge what is
        kept in a repository.
        """
        if not await asyncio.to_thread(self.path.is_dir):
            raise Unavailable(self.product, f"{self.path} is not a directory: create it")
        git = Git(directory=self.path, product=self.product, turns=self.turns)
        version = (await git.run("version")).text
        heads = await asyncio.to_thread(lambda: sorted(self.path.rglob("?*.git/HEAD")))
        for head in heads:
            await check_protected(replace(git, directory=head.parent))
        names = [str(head.parent.relative_to(self.path)).removesuffix(".git") for head in heads]
        return f"{version}; {self.path} holds {', '.join(names) or 'no repository yet'}"

    # What stands in Git.

    async def head(self, where: Repository) -> str:
        """Return the branch's commit sha. Raises Terminal when repository or branch is missing."""
        return await self._tip(await self._git(where), where.branch)

    async def read(self, where: Repository, sha: str, file: str) -> bytes | None:
        """Return a file at a commit, None when it is not there."""
        git = await self._git(where)
        entry = await entry_at(git, sha, file)
        return (await git.run("cat-file", "blob", entry.sha)).out if entry else None

    async def contains(self, where: Repository, ancestor: str, descendant: str) -> bool:
        """Tell whether `ancestor` is reachable from (or is) `descendant`."""
        return await (await self._git(where)).within(ancestor, descendant)

    async def commit(
        self,
        where: Repository,
        branch: str,
        base_sha: str,
        files: tuple[tuple[str, bytes], ...],
        message: str,
        at: datetime,
    ) -> str:
        """Create `branch` with one commit on `base_sha`; return its sha."""
        git = await self._git(where)
        ref = f"refs/heads/{branch}"
        if (await git.run("check-ref-format", ref, fine=(0, 1))).code:
            raise Terminal(f"{branch!r} is not a name git takes for a branch")
        entries: dict[bytes, Entry] = {}
        for file, content in files:
            there = await entry_at(git, base_sha, file)
            mode = there.mode if there else "100644"
            entries[named(file).encode()] = Entry(mode, await blob(git, content))
        stored = await tree(git, base_sha, entries)
        lost = [
            path.decode() for path in await changes(git, base_sha, stored) if path not in entries
        ]
        if lost:
            raise Terminal(f"these files would take the place of {', '.join(lost)}")
        sha = await commit(git, stored, [base_sha], message, dated(at))
        for _ in range(_TRIES):
            if await git.move(f"update {ref} {sha} {NOTHING}"):
                return sha
            tip = await resolve(git, ref)
            if tip == sha:
                return sha
            if tip is not None:
                raise Terminal(f"branch {branch} is at {tip} already, and is never overwritten")
        raise Terminal(f"branch {branch} cannot be created: another ref's name is in its way")

    async def delete_branch(self, where: Repository, branch: str, expected: str) -> None:
        """Delete the branch if it is still at `expected`; an open proposal of it becomes void."""
        git = await self._git(where)
        for _ in range(_TRIES):
            tip = await resolve(git, f"refs/heads/{branch}")
            if tip is None:
                return
            if tip != expected:
                raise Terminal(f"branch {branch} is at {tip}, not at {expected}: left as it is")
            lines = [f"delete refs/heads/{branch} {expected}"]
            for held in await store.proposals(git):
                if held.kept.branch == branch and held.kept.state == "open":
                    lines += await self._voided(git, where, held)
            if await git.move(*lines):
                return
        raise Unavailable(self.product, f"branch {branch} is being moved all the time")

    async def _voided(self, git: Git, where: Repository, held: store.Held) -> tuple[str, ...]:
        """Return the moves that void an open proposal; none for one merged meanwhile."""
        if (await as_now(git, held, self._place(where))).state != "open":
            return ()
        gone = replace(held.kept, void=True, end_reason="withdrawn: its branch was deleted by us")
        return await store.moves(git, held, self._ended(gone, SLUICE), held.head)

    # Proposals, in every state.

    async def find(self, where: Repository, promotion_id: str) -> Sequence[Proposal]:
        """Return the proposals, in all states, whose marker holds this promotion."""
        git = await self._git(where)
        return [
            await as_now(git, held, self._place(where))
            for held in await store.proposals(git)
            if held.kept.promotion_id == promotion_id
        ]

    async def get(self, where: Repository, number: int) -> Proposal:
        """Return one proposal as it is now. Raises Terminal when there is none."""
        git = await self._git(where)
        return await as_now(git, await self._held(git, where, number), self._place(where))

    async def list_open(self, where: Repository) -> Sequence[Proposal]:
        """Return the open proposals against the branch."""
        git = await self._git(where)
        seen = [
            await as_now(git, held, self._place(where))
            for held in await store.proposals(git)
            if held.kept.state == "open" and held.kept.base == where.branch
        ]
        return [proposal for proposal in seen if proposal.state == "open"]

    async def diff(self, where: Repository, number: int) -> str:
        """Return the proposal's unified diff against its base."""
        git = await self._git(where)
        seen = await self.get(where, number)
        merged = seen.merge_sha is not None and seen.merge_sha != seen.head_sha
        base = f"{seen.merge_sha}^1" if merged else f"refs/heads/{seen.base}"
        if seen.merge_sha == seen.head_sha or await resolve(git, base) is None:
            base = seen.base_sha
        since = await parting(git, base, seen.head_sha) or seen.base_sha
        told = await git.run(
            "diff-tree", "-r", "-p", "--no-renames", "--no-ext-diff", since, seen.head_sha
        )
        return told.out.decode(errors="replace")

    async def open(
        self, where: Repository, branch: str, title: str, body: str, promotion_id: str
    ) -> Proposal:
        """Open a proposal of `branch`; called twice it opens two.

        Raises Terminal when the branch is missing or has nothing the base has not.
        """
        git = await self._git(where)
        base, head = await self._tip(git, where.branch), await self._tip(git, branch)
        since = await parting(git, base, head)
        if since is None or since == head:
            raise Terminal(f"branch {branch} has nothing to merge into {where.branch}")
        if promotion_in(body) != promotion_id:
            body = f"{body}\n\n{marker_of(promotion_id)}"
        kept = store.Kept(
            title=title,
            body=body,
            promotion_id=promotion_id,
            branch=branch,
            base=where.branch,
            base_sha=since,
            opened_head=head,
            author=SLUICE,
        )
        return await self.get(where, await store.add(git, kept))

    async def close(self, where: Repository, number: int, reason: str, by: Principal) -> None:
        """Close it unmerged with a reason; an ended one is left as it is. The branch stays."""
        git = await self._git(where)
        for _ in range(_TRIES):
            held = await self._held(git, where, number)
            seen = await as_now(git, held, self._place(where))
            if seen.state != "open":
                return
            kept = self._ended(replace(held.kept, end_reason=reason), by)
            if await git.move(*await store.moves(git, held, kept, seen.head_sha)):
                return
        raise self._contended(number)

    async def merge(
        self, where: Repository, number: int, expected_head: str, by: Principal
    ) -> None:
        """Merge it if its head is still `expected_head`; merged already is fine.

        Raises Terminal when the head moved, it was closed, or it conflicts. The base moves first
        and the note of it second: a crash between the two is read as merged all the same.
        """
        git = await self._git(where)
        for _ in range(_TRIES):
            held = await self._held(git, where, number)
            seen = await as_now(git, held, self._place(where))
            if seen.state == "merged":
                return
            if seen.state == "closed":
                raise Terminal(f"{seen.url} was closed: {seen.end_reason}")
            if seen.head_sha != expected_head:
                raise Terminal(f"{seen.url} moved from {expected_head} to {seen.head_sha}")
            tip, at = await self._tip(git, seen.base), self.now()
            merged = await merge_commit(git, seen, tip, by, at)
            # Another turn may have merged it since it was looked at: then it is looked at again.
            if merged and await git.move(
                f"verify refs/heads/{seen.branch} {expected_head}",
                f"verify {store.PROPOSALS}/{number}/meta {held.revision}",
                f"update refs/heads/{seen.base} {merged} {tip}",
            ):
                await self._note_merge(git, where, number, merged, by, at)
                return
        raise self._contended(number)

    async def _note_merge(
        self, git: Git, where: Repository, number: int, sha: str, by: Principal, at: datetime
    ) -> None:
        """Write down a merge that has happened."""
        for _ in range(_TRIES):
            held = await self._held(git, where, number)
            head = (await as_now(git, held, self._place(where))).head_sha
            kept = replace(
                held.kept, state="merged", merge_sha=sha, ended_by=by, ended_at=at, end_reason=""
            )
            if await git.move(*await store.moves(git, held, kept, head)):
                return
        raise self._contended(number)

    # What we write on them.

    async def statuses(self, where: Repository, sha: str) -> Sequence[CommitStatus]:
        """Return the statuses of a commit."""
        return list((await store.statuses(await self._git(where), sha)).values())

    async def set_status(self, where: Repository, sha: str, status: CommitStatus) -> None:
        """Set the status of that context; repeating it changes nothing."""
        git = await self._git(where)
        if await resolve(git, sha) is None:
            raise Terminal(f"{where.name} on {self.product} has no commit {sha}")
        await store.say(git, sha, status)

    async def comment(self, where: Repository, number: int) -> str | None:
        """Return our one sticky comment, if it is there."""
        git = await self._git(where)
        return (await self._held(git, where, number)).kept.comment

    async def set_comment(self, where: Repository, number: int, body: str) -> None:
        """Write or rewrite our one sticky comment."""
        git = await self._git(where)
        for _ in range(_TRIES):
            held = await self._held(git, where, number)
            if held.kept.comment == body:
                return
            kept = replace(held.kept, comment=body)
            if await git.move(*await store.moves(git, held, kept, held.head)):
                return
        raise self._contended(number)

    # What the above stand on.

    def _place(self, where: Repository) -> str:
        """Return a repository as it reads in a url."""
        return f"local:{self.name}/{where.name}"

    def _ended(self, kept: store.Kept, by: Principal) -> store.Kept:
        """Return a proposal closed now."""
        return replace(kept, state="closed", ended_by=by, ended_at=self.now())

    def _contended(self, number: int) -> Unavailable:
        """Return what is raised when every try lost its race."""
        return Unavailable(self.product, f"proposal #{number} is being moved all the time")

    async def _git(self, where: Repository) -> Git:
        """Return the repository. Raises Terminal when its name climbs out or there is none."""
        place = self.path / f"{named(where.name)}.git"
        if not await asyncio.to_thread(place.is_dir):
            raise Terminal(
                f"repository {where.name} is not at {place}: make one with git init --bare"
            )
        return Git(directory=place, product=self.product, turns=self.turns)

    async def _tip(self, git: Git, branch: str) -> str:
        """Return a branch's commit. Raises Terminal when there is none."""
        tip = await resolve(git, f"refs/heads/{branch}")
        if tip is None:
            raise Terminal(f"{git.directory} has no branch {branch}")
        return tip

    async def _held(self, git: Git, where: Repository, number: int) -> store.Held:
        """Return a proposal as it is kept. Raises Terminal when there is none."""
        found = await store.proposals(git, number)
        if not found:
            raise Terminal(f"{self._place(where)} has no proposal #{number}")
        return found[0]
