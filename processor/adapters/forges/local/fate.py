"""What became of a proposal, judged from the branches as they are now.

Place in the flow: `forge` answers every question about a proposal through `as_now`. People merge,
push and delete with plain git and tell nobody, and a crash may fall between our merge and our
note of it; so what is kept is only believed after the branches were looked at. Merged always
wins: a head that the base contains is merged, whatever was written down.
A squash or a rebase leaves no trace of the head and is not recognised.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from processor.adapters.forges.local.git import AUTHOR, Git
from processor.adapters.forges.local.store import Held, Kept
from processor.values.principal import SLUICE, UNKNOWN, Principal, claimed
from processor.values.proposal import Proposal


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """A proposal's kept facts, corrected by what the branches say."""

    kept: Kept
    head: str
    before: tuple[str, ...]
    """What was there without the proposal: its commits are those not reachable from here."""


async def as_now(git: Git, held: Held, place: str) -> Proposal:
    """Return the proposal as it is now; `place` is its repository as it reads in a url."""
    seen = await _look(git, held)
    kept = seen.kept
    return Proposal(
        number=held.number,
        url=f"{place}#{held.number}",
        title=kept.title,
        body=kept.body,
        branch=kept.branch,
        base=kept.base,
        head_sha=seen.head,
        base_sha=kept.base_sha,
        state=kept.state,
        author=kept.author,
        promotion_id=kept.promotion_id,
        committers=await _committers(git, seen),
        merge_sha=kept.merge_sha,
        ended_by=kept.ended_by,
        ended_at=kept.ended_at,
        end_reason=kept.end_reason,
        void=kept.void,
    )


async def _look(git: Git, held: Held) -> _Seen:
    """Correct what is kept."""
    kept = held.kept
    if kept.state == "merged" and kept.merge_sha:
        return _Seen(kept=kept, head=held.head, before=_before(kept, held.head))
    own, base = f"refs/heads/{kept.branch}", f"refs/heads/{kept.base}"
    tips = await git.refs(own, base)
    head = tips.get(own, held.head) if kept.state == "open" else held.head
    main = tips.get(base)
    if main and await git.within(head, main):
        merged = await _merged(git, held, head, main)
        if merged is not None:
            return _Seen(kept=merged, head=head, before=_before(merged, head))
        if kept.state == "open":
            kept = _left(kept, f"the branch {kept.branch} was reset to a commit of {kept.base}")
    elif kept.state == "open" and own not in tips:
        kept = _left(kept, f"the branch {kept.branch} was deleted")
    return _Seen(kept=kept, head=head, before=(kept.base_sha, *([main] if main else [])))


def _before(kept: Kept, head: str) -> tuple[str, ...]:
    """Return what the base held before the merge; a fast-forward has no commit of its own."""
    return (kept.base_sha,) if kept.merge_sha == head else (f"{kept.merge_sha}^1", kept.base_sha)


def _left(kept: Kept, reason: str) -> Kept:
    """Return a proposal somebody ended without saying who they are."""
    return replace(kept, state="closed", ended_by=UNKNOWN, end_reason=reason)


async def _merged(git: Git, held: Held, head: str, main: str) -> Kept | None:
    """Return the proposal as merged into `main`, or None when its branch was only reset."""
    kept = held.kept
    if await git.within(head, kept.base_sha):
        return None
    merge = await _first_with(git, head, main, kept.base_sha)
    if merge == head != held.head and not await git.within(held.head, main):
        return None
    shown = await git.run(
        "log",
        "-1",
        "--format=%cn%x00%ct%x00%(trailers:key=Merged-By,valueonly,separator=%x20)",
        merge,
    )
    name, seconds, trailer = shown.text.split("\0")
    return replace(
        kept,
        state="merged",
        merge_sha=merge,
        ended_by=_merger(name, trailer.strip()),
        ended_at=datetime.fromtimestamp(int(seconds), UTC),
        end_reason="",
        void=False,
    )


def _merger(committer: str, trailer: str) -> Principal:
    """Return who merged, by what the commit claims; our own commits say it in a trailer."""
    if committer != AUTHOR:
        return claimed(committer)
    return SLUICE if trailer == SLUICE.name else claimed(trailer)


async def _first_with(git: Git, head: str, main: str, base_sha: str) -> str:
    """Return the first commit on the base's own line that contains the head."""
    told = await git.run("rev-list", "--first-parent", "--reverse", main, f"^{base_sha}")
    line = told.text.split()
    low, high = 0, len(line) - 1
    while low < high:
        middle = (low + high) // 2
        if await git.within(head, line[middle]):
            high = middle
        else:
            low = middle + 1
    return line[low] if line else main


async def _committers(git: Git, seen: _Seen) -> tuple[Principal, ...]:
    """Return who wrote the proposal's commits, once each.

    A name in a commit is only a claim, ours included: a commit is Sluice's own only when it was
    already there when Sluice opened the proposal.
    """
    told = await git.run("log", "--format=%H%x00%an%x00%cn", seen.head, "--not", *seen.before)
    opened = seen.kept.opened_head
    found: dict[Principal, None] = {}
    for line in told.text.splitlines():
        sha, author, committer = line.split("\0")
        if {author, committer} == {AUTHOR} and (sha == opened or await git.within(sha, opened)):
            found[SLUICE] = None
            continue
        for name in (author, committer):
            found[claimed(name)] = None
    return tuple(found)
