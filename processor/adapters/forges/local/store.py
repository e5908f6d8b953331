"""What Sluice keeps in git itself: small JSON documents under `refs/sluice/`.

Place in the flow: `forge` reads and changes proposals and statuses through it. A document is the
only file of a commit; changing it is a new commit behind the old one, and the ref moves by
compare-and-set, so `git log` of the ref is the history of the document.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from processor.adapters.forges.local.git import NOTHING, Git
from processor.adapters.forges.local.objects import Entry, blob, commit, tree
from processor.errors import Terminal, Unavailable
from processor.values.principal import Principal
from processor.values.proposal import CommitStatus

PROPOSALS = "refs/sluice/proposals"
_STATUSES = "refs/sluice/statuses"
_FILE = b"proposal.json"
_TRIES = 100  # each lost race means that somebody else won one


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A proposal as it was last written down; `opened_head` is the branch when it was opened."""

    title: str
    body: str
    promotion_id: str
    branch: str
    base: str
    base_sha: str
    opened_head: str
    author: Principal
    state: Literal["open", "merged", "closed"] = "open"
    end_reason: str = ""
    ended_by: Principal | None = None
    ended_at: datetime | None = None
    merge_sha: str | None = None
    void: bool = False
    comment: str | None = None


@dataclass(frozen=True)
class Held:
    """A kept proposal with its number, the head kept for it and the commit it was read from."""

    number: int
    kept: Kept
    head: str
    revision: str


_KEPT = TypeAdapter(Kept)
_SAID = TypeAdapter(dict[str, CommitStatus])


async def _write(git: Git, content: bytes, parent: str | None, message: str) -> str:
    """Store a document behind its previous version; return the commit."""
    stored = await tree(git, None, {_FILE: Entry("100644", await blob(git, content))})
    return await commit(git, stored, [parent] if parent else [], message, {})


async def _documents(git: Git, revisions: Mapping[str, str]) -> dict[str, bytes]:
    """Return the documents of these commits by the ref's name, in one process."""
    asked = "".join(f"{sha}:{_FILE.decode()}\n" for sha in revisions.values())
    told = (await git.run("cat-file", "--batch", stdin=asked.encode())).out
    found: dict[str, bytes] = {}
    at = 0
    for ref in revisions:
        line, _, _ = told[at:].partition(b"\n")
        size = re.fullmatch(rb"[0-9a-f]+ blob (\d+)", line)
        if size is None:
            raise Terminal(f"{git.product}: {ref} holds no {_FILE.decode()}; delete that ref")
        start = at + len(line) + 1
        found[ref] = told[start : start + int(size[1])]
        at = start + int(size[1]) + 1
    return found


async def proposals(git: Git, number: int | None = None) -> list[Held]:
    """Return the proposals ever opened, or the one of a number, by number.

    Raises Terminal naming the ref when one cannot be read.
    """
    refs = await git.refs(PROPOSALS if number is None else f"{PROPOSALS}/{number}")
    metas = {ref: sha for ref, sha in refs.items() if ref.endswith("/meta")}
    found = []
    for ref, content in (await _documents(git, metas)).items() if metas else ():
        place = ref.removesuffix("/meta")
        try:
            kept = _KEPT.validate_json(content)
        except ValidationError as broken:
            raise Terminal(f"{git.product}: {ref} is not a proposal of Sluice: {broken}") from None
        head = refs.get(f"{place}/head", kept.opened_head)
        found.append(Held(int(place.rpartition("/")[2]), kept, head, metas[ref]))
    return sorted(found, key=lambda held: held.number)


async def add(git: Git, kept: Kept) -> int:
    """Keep a new proposal under the next free number; return the number."""
    revision = await _write(git, _KEPT.dump_json(kept), None, f"Open: {kept.title}")
    for _ in range(_TRIES):
        taken = (int(ref.split("/")[3]) for ref in await git.refs(PROPOSALS))
        number = max(taken, default=0) + 1
        if await git.move(
            f"create {PROPOSALS}/{number}/meta {revision}",
            f"create {PROPOSALS}/{number}/head {kept.opened_head}",
        ):
            return number
    raise Unavailable(
        git.product, "no number for a new proposal: refs are being moved all the time"
    )


async def moves(git: Git, held: Held, kept: Kept, head: str) -> tuple[str, ...]:
    """Return the ref moves that replace a proposal if nobody changed it meanwhile."""
    place = f"{PROPOSALS}/{held.number}"
    revision = await _write(
        git, _KEPT.dump_json(kept), held.revision, f"{kept.state}: {kept.title}"
    )
    kept_head = () if head == held.head else (f"update {place}/head {head} {held.head}",)
    return (f"update {place}/meta {revision} {held.revision}", *kept_head)


async def statuses(git: Git, sha: str) -> dict[str, CommitStatus]:
    """Return what was said on a commit, by context."""
    refs = await git.refs(f"{_STATUSES}/{sha}")
    documents = await _documents(git, refs) if refs else {}
    said: dict[str, CommitStatus] = {}
    for content in documents.values():
        said |= _SAID.validate_json(content)
    return said


async def say(git: Git, sha: str, status: CommitStatus) -> None:
    """Say (or correct) one status on a commit; saying it again changes nothing."""
    ref = f"{_STATUSES}/{sha}"
    for _ in range(_TRIES):
        old = (await git.refs(ref)).get(ref)
        said = await statuses(git, sha) if old else {}
        if said.get(status.context) == status:
            return
        content = _SAID.dump_json({**said, status.context: status})
        new = await _write(git, content, old, f"{status.context}: {status.state}")
        if await git.move(f"update {ref} {new} {old or NOTHING}"):
            return
    raise Unavailable(git.product, f"the statuses of {sha} are being moved all the time")
