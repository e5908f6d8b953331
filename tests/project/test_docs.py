"""What the documents tell people to type exists, and generated pages are up to date."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from docs.generate import generated
from processor.cli.program import program

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("schemas/*.md")])
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


def typed() -> Iterator[tuple[str, str]]:
    """Yield the page and text of every line a reader is told to type."""
    for page in PAGES:
        for block in re.findall(r"```console\n(.*?)```", page.read_text(), re.DOTALL):
            for line in re.findall(r"^\$ (.+)$", block, re.MULTILINE):
                yield page.name, line.partition("  #")[0].strip()


LINES = sorted(set(typed()))


def spoken() -> Iterator[tuple[str, str]]:
    """Yield the page and every `sluice ...` or `make ...` in running text."""
    for page in PAGES:
        for words in re.findall(r"`((?:sluice|make) [^`\n]+)`", page.read_text()):
            yield page.name, words


def unknown(words: str) -> str:
    """Return what in a command line does not exist, empty if all of it does."""
    first, *rest = shlex.split(words)
    if first == "make":
        targets = [one for one in rest if "=" not in one and not one.startswith("-")]
        return " ".join(one for one in targets if one not in TARGETS)
    command: Any = typer.main.get_command(program)
    while rest and not rest[0].startswith("-") and getattr(command, "commands", None):
        name = rest.pop(0)
        if name not in command.commands:
            return name
        command = command.commands[name]
    known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
    flags = [one.partition("=")[0] for one in rest if one.startswith("-")]
    return " ".join(one for one in flags if one not in known | {"--help"})


@pytest.mark.parametrize(("page", "line"), LINES)
def test_a_command_in_a_console_block_exists(page: str, line: str) -> None:
    if line.split(maxsplit=1)[0] in {"make", "sluice"}:
        assert unknown(line) == "", page
    else:
        assert line.split(maxsplit=1)[0] in {"git", "cd", "curl", "export"}, page


def test_commands_named_in_the_text_exist() -> None:
    assert [row for row in spoken() if unknown(row[1])] == []


def test_a_command_that_does_not_exist_would_be_found() -> None:
    assert unknown("make sense") == "sense"
    assert unknown("sluice conjure fraud") == "conjure"
    assert unknown("sluice why fraud --sideways") == "--sideways"


@pytest.mark.real
def test_what_is_safe_to_type_runs() -> None:
    safe = {"make", "make help", "sluice --help"} & {line for _, line in LINES}
    assert safe
    for line in safe:
        ran = subprocess.run(
            shlex.split(line),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"},
        )
        assert (ran.returncode, bool(ran.stdout)) == (0, True), ran.stderr


@pytest.mark.parametrize("path", sorted(generated()), ids=lambda path: path.name)
def test_a_generated_page_is_up_to_date(path: Path) -> None:
    assert path.read_text() == generated()[path], "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_files_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_named_in_the_text_exist(page: Path) -> None:
    named = re.findall(r"`((?:processor|docs|schemas|tests|deploy)/[\w./-]+)`", page.read_text())
    missing = [
        name
        for name in named
        if not any(
            (ROOT / name).with_name((ROOT / name).name + end).exists() for end in ("", ".py")
        )
    ]
    assert missing == []


def test_every_governing_document_is_there_and_says_something() -> None:
    for name in (
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "CODE_OF_CONDUCT.md",
        "SECURITY.md",
        "docs/architecture.md",
        "docs/decisions.md",
    ):
        assert len((ROOT / name).read_text()) > 400, name
