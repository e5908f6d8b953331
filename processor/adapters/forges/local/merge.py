"""Merge one head into one base without a working copy.

Place in the flow: `forge.merge` calls it; the caller moves the base by compare-and-set.
The merge is by whole files: what the proposal changed since the two lines parted is put on top of
the base. A file both changed is a conflict for a person, never guessed at. (git's own
`merge-tree --write-tree` would need git 2.38.)
"""

from collections.abc import Collection
from datetime import datetime

from processor.adapters.forges.local.git import Git, dated
from processor.adapters.forges.local.objects import changes, commit, tree
from processor.errors import Terminal
from processor.values.principal import Principal
from processor.values.proposal import Proposal


async def parting(git: Git, one: str, other: str) -> str | None:
    """Return the commit where two lines parted, or None when they share nothing."""
    return (await git.run("merge-base", one, other, fine=(0, 1))).text or None


async def merge_commit(
    git: Git, proposal: Proposal, tip: str, by: Principal, at: datetime
) -> str | None:
    """Store the merge of a proposal's head into `tip`; return the commit, None when it is in it.

    Raises Terminal naming the paths both sides changed.
    """
    since = await parting(git, tip, proposal.head_sha)
    if since == proposal.head_sha:
        return None
    if since is None:
        raise Terminal(f"{proposal.url} shares no history with {proposal.base}")
    ours = await changes(git, since, proposal.head_sha)
    theirs = await changes(git, since, tip)
    clashing = sorted(path for path in ours if theirs.get(path, ours[path]) != ours[path])
    clashing += [path for path in ours if path not in theirs and _in_the_way(path, theirs)]
    if clashing:
        names = ", ".join(path.decode(errors="replace") for path in clashing)
        raise Terminal(
            f"{proposal.url} conflicts with {proposal.base}: both changed {names}; "
            f"close it and request the promotion again"
        )
    title = " ".join(proposal.title.split())
    message = (
        f"Merge proposal #{proposal.number}: {title}\n\n"
        f"Promotion-Id: {proposal.promotion_id}\nMerged-By: {' '.join(by.name.split())}\n"
    )
    merged = await tree(git, tip, ours)
    return await commit(git, merged, [tip, proposal.head_sha], message, dated(at))


def _in_the_way(path: bytes, theirs: Collection[bytes]) -> bool:
    """Tell whether one side has a file where the other has a directory."""
    return any(other.startswith(path + b"/") or path.startswith(other + b"/") for other in theirs)
