"""Two turns that merge the same proposal at once make one merge, wherever they meet."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from processor.adapters.forges.local import LocalForge, create_repository
from processor.values.principal import SLUICE
from processor.values.slot import Repository
from tests.drills.world import git

WHERE = Repository("local", "acme/gitops", "main")
FILE = "apps/fraud.yaml"


async def test_a_merge_that_lands_between_the_look_and_the_move_is_the_only_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "acme" / "gitops.git"
    repository.parent.mkdir()
    await create_repository(repository, {FILE: b"uri: one\n"}, "Begin")
    forge, other = (LocalForge(name="local", path=tmp_path) for _ in range(2))
    at = datetime(2026, 1, 1, tzinfo=UTC)
    base = await forge.head(WHERE)
    await forge.commit(WHERE, "promote/v1", base, ((FILE, b"uri: two\n"),), "Promote", at)
    opened = await forge.open(WHERE, "promote/v1", "Promote v1", "body", "p-1")
    real, raced = forge._tip, 0

    async def tip(*where: object) -> str:
        nonlocal raced
        if not raced:
            raced += 1
            await other.merge(WHERE, opened.number, opened.head_sha, SLUICE)
        return await real(*where)  # type: ignore[arg-type]

    monkeypatch.setattr(
        LocalForge, "_tip", lambda self, *where: (tip if self is forge else real)(*where)
    )
    await forge.merge(WHERE, opened.number, opened.head_sha, SLUICE)
    assert raced == 1
    assert (await git(repository, "rev-list", "--merges", "--count", "main")).strip() == "1"
    assert (await forge.get(WHERE, opened.number)).state == "merged"
