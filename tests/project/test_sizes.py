"""Files stay small, say where they stand in the flow, and leave nothing for later."""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = sorted((ROOT / "processor").rglob("*.py"))
ROOMS = [
    folder / "__init__.py"
    for folder in sorted((ROOT / "processor").iterdir())
    if folder.is_dir() and folder.name != "__pycache__"
]
LONGEST_FILE, LONGEST_FUNCTION = 250, 40
NOT_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    """Return a path as people write it."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


def code_lines(text: str) -> set[int]:
    """Return the numbers of the lines that hold code."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in NOT_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, Documented) and ast.get_docstring(node):
            lines.difference_update(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return lines


def too_long(path: Path, reasons: str) -> list[str]:
    """Return what is longer than it may be without a reason."""
    text = path.read_text()
    lines = code_lines(text)
    found = (
        [name_of(path)] if len(lines) > LONGEST_FILE and f"`{name_of(path)}`" not in reasons else []
    )
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = len(lines & set(range(node.lineno, (node.end_lineno or 0) + 1)))
            if size > LONGEST_FUNCTION and f"`{node.name}`" not in reasons:
                found.append(f"{name_of(path)}:{node.lineno} {node.name} ({size})")
    return found


def test_no_file_or_function_is_long_without_a_reason() -> None:
    reasons = (ROOT / "docs" / "decisions.md").read_text().partition("\n## Sizes\n")[2]
    assert [row for path in PRODUCT for row in too_long(path, reasons)] == []


def test_long_ones_would_be_found(tmp_path: Path) -> None:
    path = tmp_path / "long.py"
    body = "".join(f"    x = {number}\n" for number in range(60))
    path.write_text("".join(f'def f{n}():\n    """Doc."""\n{body}\n' for n in range(5)))
    assert len(too_long(path, "")) == 6
    assert too_long(path, "`long.py`: `f0` `f1` `f2` `f3` `f4`") == []
    path.write_text(f"def f():\n    pass\n{'# note' * 500}\n")
    assert too_long(path, "") == []
    assert len(code_lines('"""Doc."""\n\n# comment\nx = 1\n\n\ny = (\n    2\n)\n')) == 4


@pytest.mark.parametrize("path", PRODUCT, ids=name_of)
def test_a_module_says_its_place_and_leaves_nothing_for_later(path: Path) -> None:
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text)), "no docstring says its place in the flow"
    later = re.findall(r".*\b(?:TODO|FIXME|XXX|NotImplementedError)\b.*", text)
    assert later == []
    assert not re.search(r"[\"'](?:/work|/root|/home)/", text), "a machine's path"


@pytest.mark.parametrize("path", ROOMS, ids=name_of)
def test_a_room_says_in_three_lines_what_belongs_there(path: Path) -> None:
    doc = ast.get_docstring(ast.parse(path.read_text())) or ""
    assert len([line for line in doc.splitlines() if line.strip()]) >= 3, doc


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("test_*.py")), ids=name_of)
def test_a_test_asserts_something(path: Path) -> None:
    text = path.read_text()
    functions = {
        node.name: ast.get_source_segment(text, node) or ""
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    telling = {
        name
        for name, source in functions.items()
        if re.search(r"\bassert\b|raises|expect|verify|check_|fail\(", source)
    }
    deaf = [
        name
        for name, source in functions.items()
        if name.startswith("test_")
        and name not in telling
        and not any(re.search(rf"\b{helper}\(", source) for helper in telling)
    ]
    assert deaf == [], "a test that asserts nothing, itself or by a helper in its file"
