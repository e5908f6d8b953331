"""Every command of docs/operating.md does what the page says, in the order it says it."""

import re
import shlex
from pathlib import Path

import pytest

from tests.ledger.filled import fill, opened, views_of
from tests.ledger.test_running_on import configured, sluice

pytestmark = pytest.mark.real

PAGE = Path(__file__).parents[2] / "docs" / "operating.md"


def typed() -> list[list[str]]:
    """Return the commands of the page, without the `sluice` before them."""
    blocks = re.findall(r"```console\n(.*?)```", PAGE.read_text(), re.DOTALL)
    lines = [
        line for block in blocks for line in re.findall(r"^\$ sluice (.+)$", block, re.MULTILINE)
    ]
    return [shlex.split(line) for line in lines]


async def test_the_commands_of_the_page_run_one_after_the_other(tmp_path: Path) -> None:
    configured(tmp_path)
    ledger = await opened(tmp_path / "sluice.db")
    await fill(ledger, *range(1, 6))
    await ledger.close()
    before = views_of(tmp_path / "sluice.db")
    said = {" ".join(words[:2]): sluice(tmp_path, *words) for words in typed()}
    assert {name: done.returncode for name, done in said.items()} == dict.fromkeys(said, 0), {
        name: done.stderr for name, done in said.items()
    }
    assert len(said) == 8
    assert "5 events up to place 5" in said["db backup"].stdout
    assert "is kept as" in said["db restore"].stdout
    assert "sealed 4 events" in said["db seal"].stdout
    assert "nothing differed" in said["db refold"].stdout
    assert "already" in said["db upgrade"].stdout
    assert views_of(tmp_path / "sluice.db") == before
    [export] = (tmp_path / "exports").glob("*.jsonl.gz")
    proven = sluice(tmp_path, "db", "verify", "--export", str(export))
    assert (proven.returncode, proven.stdout[:21]) == (0, "5 events recomputed, "), proven.stderr
    again = sluice(tmp_path, "db", "refold", "--export", str(export))
    assert again.returncode == 0, again.stderr
    assert "5 events folded" in again.stdout
