"""Commits and trees, made without a working copy.

Place in the flow: `forge` commits drafts with it, `merge` builds merged trees, `store` keeps its
JSON; a temporary index stands in for the working copy a bare repository has not got.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from processor.adapters.forges.local.git import Git
from processor.errors import Terminal

_LINK = "120000"


@dataclass(frozen=True)
class Entry:
    """A file in a tree: its mode as git writes it, and the sha of its content."""

    mode: str
    sha: str


GONE = Entry("0", "0" * 40)
"""What a deleted path has instead of an entry."""


def named(file: str) -> str:
    """Return a path git can hold. Raises Terminal for absolute, empty, climbing or .git parts."""
    parts = file.split("/")
    if any(part in {"", ".", ".."} or part.lower() == ".git" for part in parts) or "\0" in file:
        raise Terminal(
            f"{file!r} is not a path in a repository: write it relative to the root, without .."
        )
    return file


async def resolve(git: Git, name: str) -> str | None:
    """Return the commit a ref or sha names, or None."""
    answer = await git.run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", fine=(0, 1))
    return answer.text or None


async def entry_at(git: Git, commit: str, file: str) -> Entry | None:
    """Return a file's entry at a commit; None when there is no such file.

    Raises Terminal when the commit is unknown or the path is a symbolic link.
    """
    listed = await git.run("ls-tree", "-z", "--full-tree", commit, "--", named(file), fine=(0, 128))
    if listed.code:
        raise Terminal(f"{git.product} has no commit {commit}: {listed.error}")
    described, _, _ = listed.out.partition(b"\t")
    if not described:
        return None
    mode, kind, sha = described.decode().split(" ")
    if mode == _LINK:
        raise Terminal(f"{file} is a symbolic link: point the policy at the file itself")
    return Entry(mode, sha) if kind == "blob" else None


async def changes(git: Git, old: str, new: str) -> dict[bytes, Entry]:
    """Return what stands at each path that differs between two commits (`GONE`: deleted)."""
    told = await git.run("diff-tree", "-r", "-z", "--no-renames", "--full-index", old, new)
    words = told.out.split(b"\0")
    found: dict[bytes, Entry] = {}
    for head, path in zip(words[0::2], words[1::2], strict=False):
        _, mode, _, sha, _ = head.decode().split(" ")
        found[path] = GONE if mode == "000000" else Entry(mode, sha)
    return found


async def blob(git: Git, content: bytes) -> str:
    """Store a file's content; return its sha."""
    return (await git.run("hash-object", "-w", "--stdin", stdin=content)).text


async def tree(git: Git, base: str | None, entries: Mapping[bytes, Entry]) -> str:
    """Return the tree of `base` (None: empty) with these paths replaced, added or gone.

    Raises Terminal when a path cannot stand there, such as one below a file.
    """
    with TemporaryDirectory(prefix="sluice-index-") as place:
        env = {"GIT_INDEX_FILE": str(Path(place, "index"))}
        await git.run("read-tree", *([base] if base else ["--empty"]), env=env)
        lines = b"".join(
            f"{entry.mode} {entry.sha}\t".encode() + path + b"\0" for path, entry in entries.items()
        )
        fed = await git.run(
            "update-index", "-z", "--index-info", stdin=lines, env=env, fine=(0, 1, 128)
        )
        if fed.code:
            raise Terminal(f"{git.product} cannot hold these files: {fed.error}")
        return (await git.run("write-tree", env=env)).text


async def commit(
    git: Git, tree_sha: str, parents: Sequence[str], message: str, env: Mapping[str, str]
) -> str:
    """Store a commit by Sluice, dated by `env`; return its sha."""
    flags = [word for parent in parents for word in ("-p", parent)]
    made = await git.run(
        "commit-tree", tree_sha, *flags, "-F", "-", stdin=_clean(message).encode(), env=env
    )
    return made.text


def _clean(message: str) -> str:
    """Return a message git takes: no NUL, one line end."""
    return re.sub(r"\0", " ", message).encode(errors="replace").decode().rstrip() + "\n"
