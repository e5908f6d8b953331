"""Make a bare repository with a first commit.

Place in the flow: `sluice demo` and tests start from one; nothing in a running Sluice calls it.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from processor.adapters.forges.local.git import NOTHING, Git
from processor.adapters.forges.local.objects import Entry, blob, commit, named, tree
from processor.errors import Terminal


async def create_repository(
    path: Path, files: Mapping[str, bytes], message: str, *, branch: str = "main"
) -> str:
    """Make a bare repository at `path` whose branch has one commit; return its sha.

    Raises Terminal when that branch exists already.
    """
    git = Git(directory=path, product=f"repository {path}")
    await asyncio.to_thread(path.mkdir, parents=True, exist_ok=True)
    await git.run("init", "--quiet", "--bare", "--template=", f"--initial-branch={branch}")
    entries = {
        named(file).encode(): Entry("100644", await blob(git, content))
        for file, content in files.items()
    }
    sha = await commit(git, await tree(git, None, entries), [], message, {})
    if not await git.move(f"update refs/heads/{branch} {sha} {NOTHING}"):
        raise Terminal(f"{path} has a branch {branch} already: choose another place")
    return sha
