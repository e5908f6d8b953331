"""Generated files: write them, or say which differ from what would be written.

Place in the flow: `docs/generate.py` and `schemas/generate.py` end here; `make check` runs both
with `--check`.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def settle(files: Mapping[Path, str], command: str, *, owned: str | None = None) -> int:
    """Write the files, or with `--check` only compare; return the exit code.

    `owned` is a glob under the root: what matches it and is not in `files` is stale.
    """
    stale = set(ROOT.glob(owned)) - set(files) if owned else set()
    differing = [path for path, text in files.items() if _present(path) != text]
    if "--check" in sys.argv[1:]:
        for path in sorted((*differing, *stale)):
            print(f"{path.relative_to(ROOT)} is out of date: run `{command}`", file=sys.stderr)
        return 1 if differing or stale else 0
    for path in stale:
        path.unlink()
    for path in differing:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[path], encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


def _present(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None
