"""What every forge does, asked of the fake and of real git alike."""

import asyncio
import inspect
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Protocol

import pytest

from processor.adapters.forges.local import LocalForge, create_repository
from processor.adapters.forges.local.git import Git
from processor.errors import Terminal, Unavailable
from processor.ports.reading.forge import ForgeReader
from processor.ports.writing.forge import ForgeWriter
from processor.rules.pull_request import marker_of
from processor.testing.forge import MemoryForge
from processor.testing.forges.belated import BelatedForge
from processor.testing.forges.gitea import GiteaLike
from processor.testing.forges.github import GitHubLike
from processor.testing.forges.gitlab import GitLabLike
from processor.testing.forges.hasty import HastyForge
from processor.testing.forges.stumbling import StumblingForge
from processor.values.principal import SLUICE, UNKNOWN, Principal, claimed
from processor.values.proposal import CommitStatus, Proposal
from processor.values.slot import Repository

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANA = Principal("ana", "authenticated")
WHERE = Repository("acme", "acme/gitops", "main")
FILE = "apps/staging/fraud.yaml"
FIRST = {FILE: b"uri: one\n", "README.md": b"hello\n"}
ODD_FILE = "apps/ünï [x]* $(id) 'q'.yaml"


class Forge(ForgeReader, ForgeWriter, Protocol):
    """Both halves."""


class World(Protocol):
    """A forge, and people who use plain git beside it."""

    @property
    def forge(self) -> Forge: ...

    async def start(self, files: Mapping[str, bytes]) -> str: ...
    async def push(self, branch: str, files: Mapping[str, bytes], name: str) -> str: ...
    async def merge(self, branch: str, name: str) -> str: ...
    async def move(self, branch: str, sha: str | None) -> None: ...
    async def sound(self) -> None: ...


class InMemory:
    def __init__(self, forge: MemoryForge | None = None) -> None:
        self.forge = forge or MemoryForge()

    async def start(self, files: Mapping[str, bytes]) -> str:
        return self.forge.create_repository(WHERE, files)

    async def push(self, branch: str, files: Mapping[str, bytes], name: str) -> str:
        return self.forge.person_pushes(WHERE, branch, files, name)

    async def merge(self, branch: str, name: str) -> str:
        return self.forge.person_merges(WHERE, branch, name)

    async def move(self, branch: str, sha: str | None) -> None:
        self.forge.person_moves(WHERE, branch, sha)

    async def sound(self) -> None:
        return


class OnGit:
    """Real git: people clone, commit and push."""

    def __init__(self, place: Path) -> None:
        self.forge = LocalForge("acme", place / "forge")
        self.bare = place / "forge" / f"{WHERE.name}.git"
        self.clone = place / "clone"

    def git(self, *words: str, name: str = "someone") -> str:
        who = {"NAME": name, "EMAIL": f"{name.lower().replace(' ', '.')}@example.com"}
        env = {
            **os.environ,
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_{role}_{key}": who[key] for role in ("AUTHOR", "COMMITTER") for key in who},
        }
        told = subprocess.run(
            ["git", *words], cwd=self.clone, env=env, check=True, capture_output=True, text=True
        )
        return told.stdout.strip()

    async def start(self, files: Mapping[str, bytes]) -> str:
        sha = await create_repository(self.bare, files, "first")
        self.clone.mkdir()
        self.git("clone", "--quiet", str(self.bare), ".")
        return sha

    async def push(self, branch: str, files: Mapping[str, bytes], name: str) -> str:
        self.git("fetch", "--quiet", "--prune")
        known = self.git("branch", "--remotes", "--list", f"origin/{branch}")
        self.git("checkout", "--quiet", "-B", "work", f"origin/{branch if known else 'main'}")
        for file, content in files.items():
            place = self.clone / file
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", "by hand", name=name)
        self.git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
        return self.git("rev-parse", "HEAD")

    async def merge(self, branch: str, name: str) -> str:
        self.git("fetch", "--quiet", "--prune")
        self.git("checkout", "--quiet", "-B", "work", "origin/main")
        self.git(
            "merge", "--quiet", "--no-ff", "-m", f"Merge {branch}", f"origin/{branch}", name=name
        )
        self.git("push", "--quiet", "origin", "HEAD:refs/heads/main")
        return self.git("rev-parse", "HEAD")

    async def move(self, branch: str, sha: str | None) -> None:
        self.git("fetch", "--quiet", "--prune")
        if sha is None:
            self.git("push", "--quiet", "origin", f":refs/heads/{branch}")
        else:
            self.git("push", "--quiet", "--force", "origin", f"{sha}:refs/heads/{branch}")

    async def sound(self) -> None:
        told = subprocess.run(
            ["git", "fsck", "--full", "--strict"],
            cwd=self.bare,
            check=False,
            capture_output=True,
            text=True,
        )
        assert told.returncode == 0, told.stderr
        assert "error" not in told.stderr


def later_and_later() -> Callable[[], datetime]:
    """A clock by which ten seconds pass between any two questions: everything is listed."""
    seconds = count(0, 10)
    return lambda: AT + timedelta(seconds=next(seconds))


IN_MEMORY: Mapping[str, Callable[[], MemoryForge]] = {
    "memory": MemoryForge,
    "github": GitHubLike,
    "gitlab": GitLabLike,
    "gitea": GiteaLike,
    "belated": lambda: BelatedForge(now=later_and_later()),
}
"""What differs by design is not here: one whose first answer is always a 502 (StumblingForge), one
where people end whatever is opened (HastyForge)."""
REFUSING = (GitHubLike, GitLabLike, GiteaLike)


@pytest.fixture(
    params=[*IN_MEMORY, pytest.param("git", marks=pytest.mark.real)],
)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    if request.param == "git" and shutil.which("git") is None:
        pytest.skip("git is not on PATH")
    made: World = (
        OnGit(tmp_path) if request.param == "git" else InMemory(IN_MEMORY[request.param]())
    )
    await made.start(FIRST)
    yield made
    await made.sound()


@pytest.fixture
async def on_git(tmp_path: Path) -> AsyncIterator[OnGit]:
    if shutil.which("git") is None:
        pytest.skip("git is not on PATH")
    made = OnGit(tmp_path)
    await made.start(FIRST)
    yield made
    await made.sound()


async def proposed(
    world: World,
    branch: str = "promote/staging/fraud-v7-abcdef01",
    promotion: str = "p-1",
    files: tuple[tuple[str, bytes], ...] = ((FILE, b"uri: two\n"),),
) -> Proposal:
    base = await world.forge.head(WHERE)
    await world.forge.commit(WHERE, branch, base, files, "Promote\n\nPromotion-Id: p-1\n", AT)
    return await world.forge.open(WHERE, branch, "Promote fraud v7", "body", promotion)


async def test_a_draft_becomes_an_open_proposal(world: World) -> None:
    base = await world.forge.head(WHERE)
    made = await proposed(world)
    assert (made.number, made.state, made.base, made.base_sha) == (1, "open", "main", base)
    assert (made.author, made.committers, made.promotion_id) == (SLUICE, (SLUICE,), "p-1")
    assert marker_of("p-1") in made.body
    assert await world.forge.get(WHERE, 1) == made
    assert list(await world.forge.find(WHERE, "p-1")) == [made]
    assert list(await world.forge.find(WHERE, "p-2")) == []
    assert list(await world.forge.list_open(WHERE)) == [made]
    assert await world.forge.read(WHERE, made.head_sha, FILE) == b"uri: two\n"
    assert await world.forge.read(WHERE, made.head_sha, "README.md") == b"hello\n"
    diff = await world.forge.diff(WHERE, 1)
    assert "-uri: one" in diff
    assert "+uri: two" in diff
    assert "hello" not in diff


async def test_equal_drafts_make_an_equal_commit(world: World) -> None:
    base = await world.forge.head(WHERE)
    files = ((FILE, b"uri: two\n"), ("new/file.txt", b"\r\n\x00\xff"))
    one = await world.forge.commit(WHERE, "one", base, files, "Say\n", AT)
    assert await world.forge.commit(WHERE, "one", base, files, "Say\n", AT) == one
    assert await world.forge.commit(WHERE, "two", base, files, "Say\n", AT) == one
    with pytest.raises(Terminal, match="never overwritten"):
        await world.forge.commit(WHERE, "one", base, ((FILE, b"else\n"),), "Say\n", AT)
    assert await world.forge.read(WHERE, one, "new/file.txt") == b"\r\n\x00\xff"


async def test_opening_twice_opens_two_or_is_refused(world: World) -> None:
    made = await proposed(world)
    if isinstance(world.forge, REFUSING):
        with pytest.raises(Terminal, match=r"4(22|09): .*already exists"):
            await world.forge.open(WHERE, made.branch, "Promote", "body", "p-1")
        assert [each.number for each in await world.forge.find(WHERE, "p-1")] == [1]
        return
    again = await world.forge.open(WHERE, made.branch, "Promote", "body", "p-1")
    assert [each.number for each in await world.forge.find(WHERE, "p-1")] == [1, again.number]


async def test_what_is_not_there_is_said(world: World) -> None:
    base = await world.forge.head(WHERE)
    assert await world.forge.read(WHERE, base, "none.yaml") is None
    assert await world.forge.read(WHERE, base, "apps") is None
    assert await world.forge.contains(WHERE, "f" * 40, base) is False
    missing: list[Callable[[], Awaitable[object]]] = [
        lambda: world.forge.head(Repository("acme", "acme/gitops", "nope")),
        lambda: world.forge.head(Repository("acme", "acme/none", "main")),
        lambda: world.forge.read(WHERE, "f" * 40, FILE),
        lambda: world.forge.get(WHERE, 9),
        lambda: world.forge.open(WHERE, "nope", "t", "b", "p"),
        lambda: world.forge.open(WHERE, "main", "t", "b", "p"),
        lambda: world.forge.commit(WHERE, "b", "f" * 40, ((FILE, b""),), "m", AT),
        lambda: world.forge.set_status(WHERE, "f" * 40, CommitStatus("c", "success", "")),
    ]
    for ask in missing:
        with pytest.raises(Terminal):
            await ask()


async def test_merging_merges_once(world: World) -> None:
    base = await world.forge.head(WHERE)
    made = await proposed(world)
    await world.forge.merge(WHERE, 1, made.head_sha, ANA)
    merged = await world.forge.get(WHERE, 1)
    assert (merged.state, merged.ended_by, merged.head_sha) == ("merged", ANA, made.head_sha)
    assert merged.ended_at is not None
    assert merged.merge_sha == await world.forge.head(WHERE)
    assert merged.committers == (SLUICE,)
    assert await world.forge.contains(WHERE, made.head_sha, merged.merge_sha)
    assert await world.forge.contains(WHERE, base, merged.merge_sha)
    assert await world.forge.read(WHERE, merged.merge_sha, FILE) == b"uri: two\n"
    await world.forge.merge(WHERE, 1, made.head_sha, ANA)
    await world.forge.close(WHERE, 1, "too late", ANA)
    assert await world.forge.get(WHERE, 1) == merged
    assert list(await world.forge.list_open(WHERE)) == []
    assert "+uri: two" in await world.forge.diff(WHERE, 1)


async def test_other_work_on_the_base_is_kept(world: World) -> None:
    made = await proposed(world)
    await world.push("main", {"README.md": b"changed\n", "other.yaml": b"x\n"}, "Bo B")
    await world.forge.merge(WHERE, 1, made.head_sha, ANA)
    head = await world.forge.head(WHERE)
    assert await world.forge.read(WHERE, head, FILE) == b"uri: two\n"
    assert await world.forge.read(WHERE, head, "README.md") == b"changed\n"
    assert await world.forge.read(WHERE, head, "other.yaml") == b"x\n"
    assert (await world.forge.get(WHERE, 1)).committers == (SLUICE,)


async def test_a_conflict_names_the_file_and_changes_nothing(world: World) -> None:
    made = await proposed(world)
    base = await world.push("main", {FILE: b"uri: three\n"}, "Bo B")
    with pytest.raises(Terminal, match=FILE):
        await world.forge.merge(WHERE, 1, made.head_sha, ANA)
    assert await world.forge.head(WHERE) == base
    assert (await world.forge.get(WHERE, 1)).state == "open"


async def test_the_same_change_on_both_sides_is_no_conflict(world: World) -> None:
    made = await proposed(world)
    await world.push("main", {FILE: b"uri: two\n"}, "Bo B")
    await world.forge.merge(WHERE, 1, made.head_sha, ANA)
    assert (await world.forge.get(WHERE, 1)).state == "merged"


async def test_a_persons_commit_moves_the_head_and_names_them(world: World) -> None:
    made = await proposed(world)
    head = await world.push(made.branch, {FILE: b"uri: evil\n"}, "Eve E")
    seen = await world.forge.get(WHERE, 1)
    assert seen.head_sha == head
    assert set(seen.committers) == {SLUICE, claimed("Eve E")}
    with pytest.raises(Terminal, match="moved"):
        await world.forge.merge(WHERE, 1, made.head_sha, ANA)
    await world.forge.merge(WHERE, 1, head, ANA)
    merged = await world.forge.get(WHERE, 1)
    assert set(merged.committers) == {SLUICE, claimed("Eve E")}
    assert await world.forge.read(WHERE, merged.merge_sha or "", FILE) == b"uri: evil\n"


async def test_nobody_passes_for_sluice_by_its_name(world: World) -> None:
    made = await proposed(world)
    await world.push(made.branch, {FILE: b"uri: evil\n"}, "Sluice")
    assert claimed("Sluice") in (await world.forge.get(WHERE, 1)).committers


async def test_a_merge_by_plain_git_is_seen(world: World) -> None:
    made = await proposed(world)
    await world.push("main", {"before.yaml": b"x\n"}, "Bo B")
    merge = await world.merge(made.branch, "Bo B")
    await world.push("main", {"after.yaml": b"x\n"}, "Cy C")
    seen = await world.forge.get(WHERE, 1)
    assert (seen.state, seen.merge_sha, seen.ended_by) == ("merged", merge, claimed("Bo B"))
    assert seen.ended_at is not None
    assert seen.committers == (SLUICE,)
    await world.forge.merge(WHERE, 1, made.head_sha, ANA)
    await world.move(made.branch, None)
    assert (await world.forge.get(WHERE, 1)).merge_sha == merge


async def test_a_fast_forward_by_plain_git_is_seen(world: World) -> None:
    made = await proposed(world)
    await world.move("main", made.head_sha)
    seen = await world.forge.get(WHERE, 1)
    assert (seen.state, seen.merge_sha, seen.ended_by) == ("merged", made.head_sha, UNKNOWN)
    assert seen.committers == (SLUICE,)
    assert "+uri: two" in await world.forge.diff(WHERE, 1)


async def test_closing_keeps_who_and_why_and_the_branch(world: World) -> None:
    made = await proposed(world)
    await world.forge.close(WHERE, 1, "superseded: fraud v8", SLUICE)
    await world.forge.close(WHERE, 1, "again", ANA)
    closed = await world.forge.get(WHERE, 1)
    assert (closed.state, closed.end_reason) == ("closed", "superseded: fraud v8")
    assert (closed.ended_by, closed.void) == (SLUICE, False)
    assert closed.ended_at is not None
    with pytest.raises(Terminal, match="superseded"):
        await world.forge.merge(WHERE, 1, made.head_sha, ANA)
    again = await world.forge.open(WHERE, made.branch, "t", "b", "p-3")
    assert again.head_sha == made.head_sha
    assert [each.state for each in await world.forge.find(WHERE, "p-1")] == ["closed"]


async def test_merged_wins_over_a_close_at_the_same_time(world: World) -> None:
    made = await proposed(world)
    await world.forge.close(WHERE, 1, "withdrawn: x", SLUICE)
    merge = await world.merge(made.branch, "Bo B")
    seen = await world.forge.get(WHERE, 1)
    assert (seen.state, seen.merge_sha, seen.end_reason) == ("merged", merge, "")


async def test_deleting_our_branch_voids(world: World) -> None:
    made = await proposed(world)
    with pytest.raises(Terminal):
        await world.forge.delete_branch(WHERE, made.branch, "f" * 40)
    await world.forge.delete_branch(WHERE, made.branch, made.head_sha)
    await world.forge.delete_branch(WHERE, made.branch, made.head_sha)
    seen = await world.forge.get(WHERE, 1)
    assert (seen.state, seen.void, seen.ended_by) == ("closed", True, SLUICE)
    assert seen.head_sha == made.head_sha


async def test_a_branch_deleted_or_reset_by_a_person_is_closed_by_nobody(world: World) -> None:
    base = await world.forge.head(WHERE)
    made = await proposed(world)
    other = await proposed(world, branch="promote/other", promotion="p-2")
    third = await proposed(world, branch="promote/third", promotion="p-3")
    newer = await world.push("main", {"x.yaml": b"x\n"}, "Bo B")
    await world.move(made.branch, None)
    await world.move(other.branch, base)
    await world.move(third.branch, newer)
    for number, word in ((1, "deleted"), (2, "reset"), (3, "reset")):
        seen = await world.forge.get(WHERE, number)
        assert (seen.state, seen.void, seen.ended_by) == ("closed", False, UNKNOWN), number
        assert word in seen.end_reason


async def test_deleting_the_branch_after_the_merge_keeps_it_merged(world: World) -> None:
    made = await proposed(world)
    await world.forge.merge(WHERE, 1, made.head_sha, ANA)
    await world.forge.delete_branch(WHERE, made.branch, made.head_sha)
    seen = await world.forge.get(WHERE, 1)
    assert (seen.state, seen.void) == ("merged", False)


async def test_statuses_and_the_comment_converge(world: World) -> None:
    made = await proposed(world)
    said = CommitStatus("sluice", "pending", "1 approval missing")
    assert list(await world.forge.statuses(WHERE, made.head_sha)) == []
    assert await world.forge.comment(WHERE, 1) is None
    for status in (said, said, CommitStatus("other", "failure", "ü"), said):
        await world.forge.set_status(WHERE, made.head_sha, status)
    done = CommitStatus("sluice", "success", "every condition holds")
    await world.forge.set_status(WHERE, made.head_sha, done)
    found = {each.context: each for each in await world.forge.statuses(WHERE, made.head_sha)}
    assert found["sluice"] == done
    assert len(found) == 2
    for body in ("first", "second ünï", "second ünï"):
        await world.forge.set_comment(WHERE, 1, body)
    assert await world.forge.comment(WHERE, 1) == "second ünï"
    assert (await world.forge.get(WHERE, 1)).state == "open"


async def test_odd_names_are_only_names(world: World) -> None:
    branch = "promote/ünï/a'b$(id);x--y"
    content = "uri: '→'\n".encode()
    made = await proposed(world, branch=branch, files=((ODD_FILE, content),))
    assert made.branch == branch
    await world.forge.merge(WHERE, 1, made.head_sha, Principal("Bö\nMerged-By: eve", "claimed"))
    assert await world.forge.read(WHERE, await world.forge.head(WHERE), ODD_FILE) == content


async def test_twenty_at_once_get_twenty_numbers(world: World) -> None:
    await proposed(world)
    base = await world.forge.head(WHERE)
    for at in range(20):
        await world.forge.commit(WHERE, f"promote/{at}", base, ((FILE, b"uri: two\n"),), "m", AT)
    opened: Sequence[Proposal] = await asyncio.gather(
        *(world.forge.open(WHERE, f"promote/{at}", "t", "b", f"p-{at}") for at in range(20))
    )
    assert sorted(each.number for each in opened) == list(range(2, 22))
    assert {each.promotion_id for each in opened} == {f"p-{at}" for at in range(20)}


async def test_merging_at_once_makes_one_merge(world: World) -> None:
    base = await world.forge.head(WHERE)
    made = await proposed(world)
    await asyncio.gather(
        *(world.forge.merge(WHERE, 1, made.head_sha, ANA) for _ in range(8)),
        *(world.forge.set_comment(WHERE, 1, f"c{at}") for at in range(4)),
    )
    seen = await world.forge.get(WHERE, 1)
    assert seen.merge_sha == await world.forge.head(WHERE)
    assert await world.forge.contains(WHERE, base, seen.merge_sha)
    assert (seen.state, seen.ended_by) == ("merged", ANA)
    assert await world.forge.comment(WHERE, 1) is not None


async def test_two_proposals_merged_at_once_both_arrive(world: World) -> None:
    one = await proposed(world, files=(("one.yaml", b"1\n"),))
    two = await proposed(
        world, branch="promote/two", promotion="p-2", files=(("two.yaml", b"2\n"),)
    )
    await asyncio.gather(
        world.forge.merge(WHERE, 1, one.head_sha, ANA),
        world.forge.merge(WHERE, 2, two.head_sha, ANA),
    )
    head = await world.forge.head(WHERE)
    assert await world.forge.read(WHERE, head, "one.yaml") == b"1\n"
    assert await world.forge.read(WHERE, head, "two.yaml") == b"2\n"
    assert {(await world.forge.get(WHERE, number)).state for number in (1, 2)} == {"merged"}


async def test_closing_and_merging_at_once_agree(world: World) -> None:
    for at in range(5):
        branch = f"promote/race-{at}"
        made = await proposed(world, branch, f"race-{at}", ((f"race-{at}.yaml", b"x\n"),))
        number = made.number
        before = await world.forge.head(WHERE)
        merged, _ = await asyncio.gather(
            world.forge.merge(WHERE, number, made.head_sha, ANA),
            world.forge.close(WHERE, number, "withdrawn: race", SLUICE),
            return_exceptions=True,
        )
        seen = await world.forge.get(WHERE, number)
        moved = await world.forge.head(WHERE) != before
        assert seen.state == ("merged" if moved else "closed")
        assert isinstance(merged, Terminal) is not moved


def test_the_suite_is_whole() -> None:
    asked = [
        name
        for name, value in globals().items()
        if name.startswith("test_") and "world" in inspect.signature(value).parameters
    ]
    assert len(asked) == 23, asked


# What only real git can get wrong.


@pytest.mark.real
async def test_check_tells_git_and_the_repositories(on_git: OnGit) -> None:
    told = await on_git.forge.check()
    print(told)
    assert told.startswith("git version 2.")
    assert "acme/gitops" in told
    with pytest.raises(Unavailable, match="not a directory"):
        await LocalForge("gone", on_git.clone / "nowhere").check()


@pytest.mark.real
async def test_nobody_pushes_what_sluice_keeps_and_anybody_fetches_it(on_git: OnGit) -> None:
    made = await proposed(on_git)
    meta = f"refs/sluice/proposals/{made.number}/meta"
    on_git.git("fetch", "--quiet", "origin", f"{meta}:refs/kept/meta")
    for pushed in (
        f"HEAD:{meta}",
        f"+HEAD:{meta}",
        f":{meta}",
        "HEAD:refs/sluice/proposals/9/meta",
    ):
        with pytest.raises(subprocess.CalledProcessError) as refused:
            on_git.git("push", "origin", pushed)
        assert "hidden ref" in refused.value.stderr
    assert await on_git.forge.get(WHERE, made.number) == made
    assert "acme/gitops" in await on_git.forge.check()


@pytest.mark.real
@pytest.mark.parametrize(
    ("lines", "protected"),
    [
        ((), False),
        (("receive.hideRefs refs/other",), False),
        (("receive.hideRefs refs/sluice/proposals",), False),
        (("receive.hideRefs refs/sluice", "receive.hideRefs !refs/sluice"), False),
        (("receive.hideRefs !refs/sluice", "receive.hideRefs refs/sluice/"), True),
        (("transfer.hideRefs refs/sluice",), True),
    ],
)
async def test_an_unprotected_repository_is_named_with_what_to_type(
    on_git: OnGit,
    lines: Sequence[str],
    protected: bool,  # noqa: FBT001 - a parameter of the table
) -> None:

    def config(*words: str) -> None:
        subprocess.run(["git", "-C", str(on_git.bare), "config", *words], check=True)

    config("--unset-all", "receive.hideRefs")
    for line in lines:
        config("--add", *line.split())
    if not protected:
        with pytest.raises(Terminal) as caught:
            await on_git.forge.check()
        said = str(caught.value)
        assert "acme/gitops.git is not protected: refs/sluice can be pushed; run git -C " in said
        subprocess.run(said.partition("; run ")[2], shell=True, check=True)
    assert "acme/gitops" in await on_git.forge.check()


@pytest.mark.real
async def test_a_crash_between_merge_and_note_is_read_as_merged(on_git: OnGit) -> None:
    forge = on_git.forge
    made = await proposed(on_git)
    note = await Git(directory=on_git.bare, product="x").refs("refs/sluice/proposals/1/meta")
    await forge.merge(WHERE, 1, made.head_sha, ANA)
    whole = await forge.get(WHERE, 1)
    assert await Git(directory=on_git.bare, product="x").move(
        *(f"update {ref} {sha}" for ref, sha in note.items())
    )
    seen = await forge.get(WHERE, 1)
    assert (seen.state, seen.merge_sha, seen.ended_by) == (
        "merged",
        whole.merge_sha,
        claimed("ana"),
    )
    await forge.merge(WHERE, 1, made.head_sha, ANA)
    assert await forge.head(WHERE) == whole.merge_sha
    made = await proposed(on_git, "promote/by-us", "p-2", (("us.yaml", b"x\n"),))
    note = await Git(directory=on_git.bare, product="x").refs("refs/sluice/proposals/2/meta")
    await forge.merge(WHERE, 2, made.head_sha, SLUICE)
    assert await Git(directory=on_git.bare, product="x").move(
        *(f"update {ref} {sha}" for ref, sha in note.items())
    )
    assert (await forge.get(WHERE, 2)).ended_by == SLUICE


@pytest.mark.real
@pytest.mark.parametrize("name", ["../acme/gitops", "/etc", "a//b", "", "a/../b", "a/.git/b"])
async def test_a_repository_name_cannot_climb(on_git: OnGit, name: str) -> None:
    with pytest.raises(Terminal):
        await on_git.forge.head(Repository("acme", name, "main"))


@pytest.mark.real
@pytest.mark.parametrize(
    "file", ["../x", "/etc/passwd", "a/../b", ".git/config", "", "README.md/x"]
)
async def test_a_file_cannot_climb(on_git: OnGit, file: str) -> None:
    base = await on_git.forge.head(WHERE)
    with pytest.raises(Terminal):
        await on_git.forge.commit(WHERE, "b", base, ((file, b"x"),), "m", AT)


@pytest.mark.real
@pytest.mark.parametrize("branch", ["a..b", "a b", "", "x.lock", "main/below"])
async def test_a_branch_git_cannot_have_is_refused(on_git: OnGit, branch: str) -> None:
    base = await on_git.forge.head(WHERE)
    with pytest.raises(Terminal):
        await on_git.forge.commit(WHERE, branch, base, ((FILE, b"x"),), "m", AT)


@pytest.mark.real
async def test_modes_and_links_are_respected(on_git: OnGit) -> None:
    (on_git.clone / "run.sh").write_text("one\n")
    (on_git.clone / "run.sh").chmod(0o755)
    (on_git.clone / "link.yaml").symlink_to("/etc/passwd")
    on_git.git("add", "--all")
    on_git.git("commit", "--quiet", "-m", "modes")
    on_git.git("push", "--quiet", "origin", "HEAD:main")
    base = await on_git.forge.head(WHERE)
    sha = await on_git.forge.commit(WHERE, "b", base, (("run.sh", b"two\n"),), "m", AT)
    on_git.git("fetch", "--quiet")
    assert on_git.git("ls-tree", sha, "run.sh").startswith("100755 ")
    with pytest.raises(Terminal, match="symbolic link"):
        await on_git.forge.read(WHERE, base, "link.yaml")


@pytest.mark.real
async def test_a_hook_and_a_persons_configuration_do_not_run(
    on_git: OnGit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hook = on_git.bare / "hooks" / "reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 1\n")
    hook.chmod(0o755)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Eve")
    made = await proposed(on_git)
    monkeypatch.undo()
    assert made.committers == (SLUICE,)
    assert not (tmp_path / "ran").exists()
    hook.unlink()


@pytest.mark.real
async def test_a_left_lock_is_an_outage_not_an_answer(on_git: OnGit) -> None:
    made = await proposed(on_git)
    lock = on_git.bare / "refs" / "heads" / "main.lock"
    lock.touch()
    with pytest.raises(Unavailable):
        await on_git.forge.merge(WHERE, 1, made.head_sha, ANA)
    lock.unlink()
    await on_git.forge.merge(WHERE, 1, made.head_sha, ANA)
    assert (await on_git.forge.get(WHERE, 1)).state == "merged"


@pytest.mark.real
async def test_no_git_is_said_with_the_fix(
    on_git: OnGit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Terminal, match="install git"):
        await on_git.forge.head(WHERE)


@pytest.mark.real
async def test_a_repository_is_made_once(on_git: OnGit) -> None:
    with pytest.raises(Terminal, match="already"):
        await create_repository(on_git.bare, FIRST, "again")


# What the fake gets wrong when it is told to.


async def test_the_fake_misbehaves_on_request() -> None:
    world = InMemory()
    await world.start(FIRST)
    forge = world.forge
    made = await proposed(world)
    forge.answer_lost = True
    with pytest.raises(Unavailable, match="lost"):
        await forge.open(WHERE, made.branch, "t", "b", "p-1")
    assert len(await forge.find(WHERE, "p-1")) == 2
    forge.list_late = True
    await forge.open(WHERE, made.branch, "t", "b", "p-1")
    assert len(await forge.find(WHERE, "p-1")) == 2
    forge.settle()
    assert len(await forge.find(WHERE, "p-1")) == 3
    forge.list_late, forge.open_late = False, True
    with pytest.raises(Unavailable, match="no answer"):
        await forge.open(WHERE, made.branch, "t", "b", "p-1")
    assert len(await forge.find(WHERE, "p-1")) == 3
    forge.arrive()
    assert len(await forge.find(WHERE, "p-1")) == 4
    forge.down = True
    with pytest.raises(Unavailable):
        await forge.get(WHERE, 1)
    assert {who for _, who in forge.writes} == {SLUICE}


# What each of the others does to a second request for the same pull request.


async def test_two_at_once_get_into_a_forge_that_checks_and_then_inserts() -> None:
    world = InMemory(GiteaLike())
    await world.start(FIRST)
    base = await world.forge.head(WHERE)
    await world.forge.commit(WHERE, "b", base, ((FILE, b"uri: two\n"),), "m", AT)
    await asyncio.gather(*(world.forge.open(WHERE, "b", "t", "b", "p-1") for _ in range(2)))
    assert len(await world.forge.find(WHERE, "p-1")) == 2
    assert len(world.forge.writes) == 3


async def test_a_stumbling_forge_makes_what_it_says_it_did_not() -> None:
    world = InMemory(StumblingForge())
    await world.start(FIRST)
    with pytest.raises(Unavailable, match="502"):
        await proposed(world)
    (made,) = await world.forge.find(WHERE, "p-1")
    again = await world.forge.open(WHERE, made.branch, "t", "b", "p-1")
    assert [each.number for each in await world.forge.find(WHERE, "p-1")] == [1, again.number]


async def test_a_belated_forge_lists_when_its_seconds_are_over() -> None:
    now = [AT]
    world = InMemory(BelatedForge(now=lambda: now[0]))
    await world.start(FIRST)
    made = await proposed(world)
    assert await world.forge.get(WHERE, made.number) == made
    now[0] += timedelta(seconds=4.9)
    assert list(await world.forge.find(WHERE, "p-1")) == []
    assert list(await world.forge.list_open(WHERE)) == []
    now[0] += timedelta(seconds=0.1)
    assert list(await world.forge.find(WHERE, "p-1")) == [made]
    assert list(await world.forge.list_open(WHERE)) == [made]


@pytest.mark.parametrize(("merges", "state"), [(True, "merged"), (False, "closed")])
async def test_a_hasty_forge_has_ended_it_and_takes_another(merges: bool, state: str) -> None:  # noqa: FBT001 - a parameter of the table
    forge = HastyForge()
    forge.merges = merges
    world = InMemory(forge)
    await world.start(FIRST)
    made = await proposed(world)
    assert (made.state, made.ended_by, made.void) == (state, claimed("bo"), False)
    again = await proposed(world, "promote/again", files=(("other.yaml", b"x\n"),))
    assert [each.number for each in await forge.find(WHERE, "p-1")] == [1, again.number]
