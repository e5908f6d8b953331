"""Make a bare repository with a first commit; keep pushes away from what Sluice keeps in one.

Place in the flow: tests start from one; `doctor` asks through `forge` whether a repository is
protected. Proposals and statuses are refs below `refs/sluice/`, and whoever may push them could
forge a merge button's facts. `receive.hideRefs` refuses every push to them, deletions included,
and hides them from nobody who fetches (a mirror is a backup). Whoever can write the directory
itself needs no push: that is for the file system's permissions.
"""

import asyncio
import shlex
from collections.abc import Mapping
from pathlib import Path

from processor.adapters.forges.local.git import NOTHING, Git
from processor.adapters.forges.local.objects import Entry, blob, commit, named, tree
from processor.errors import Terminal

_HIDE = "receive.hideRefs"
_OURS = "refs/sluice"


async def create_repository(
    path: Path, files: Mapping[str, bytes], message: str, *, branch: str = "main"
) -> str:
    """Make a bare repository at `path` whose branch has one commit; return its sha.

    Raises Terminal when that branch exists already.
    """
    git = Git(directory=path, product=f"repository {path}")
    await asyncio.to_thread(path.mkdir, parents=True, exist_ok=True)
    await git.run("init", "--quiet", "--bare", "--template=", f"--initial-branch={branch}")
    await git.run("config", _HIDE, _OURS)
    entries = {
        named(file).encode(): Entry("100644", await blob(git, content))
        for file, content in files.items()
    }
    sha = await commit(git, await tree(git, None, entries), [], message, {})
    if not await git.move(f"update refs/heads/{branch} {sha} {NOTHING}"):
        raise Terminal(f"{path} has a branch {branch} already: choose another place")
    return sha


async def check_protected(git: Git) -> None:
    """Raise Terminal with what to type when pushes to our refs are taken.

    The last pattern that fits decides, as git has it.
    """
    told = await git.run("config", "--get-regexp", r"^(transfer|receive)\.hiderefs$", fine=(0, 1))
    refused = False
    for line in told.text.splitlines():
        pattern = line.partition(" ")[2]
        prefix = pattern.lstrip("!^").rstrip("/")
        if prefix == _OURS or _OURS.startswith(f"{prefix}/"):
            refused = not pattern.startswith("!")
    if not refused:
        words = ["git", "-C", str(git.directory), "config", "--add", _HIDE, _OURS]
        raise Terminal(
            f"{git.directory} is not protected: {_OURS} can be pushed; run {shlex.join(words)}"
        )
