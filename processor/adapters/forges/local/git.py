"""Run the git command line in one bare repository.

Place in the flow: everything in this package goes through `Git`; nothing else starts git.
The environment is emptied first, so neither a person's nor the machine's configuration, hooks,
locale or credentials change what a command does.
"""

import asyncio
import os
import re
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from processor.errors import Terminal, Unavailable

AUTHOR = "Sluice"
EMAIL = "sluice@localhost"
NOTHING = "0" * 40

_GRACE = 2.0  # seconds git has to remove its lock files before it is killed
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsync=committed,reference",
    "core.quotePath=false",
    "gc.auto=0",
    "core.filesRefLockTimeout=2000",
)
_LOST = re.compile(
    rb"but expected|reference already exists"
    rb"|unable to resolve reference|reference is missing|cannot create '"
)


@dataclass(frozen=True)
class Answer:
    """What one command said; `error` is its first complaint."""

    code: int
    out: bytes
    error: str

    @property
    def text(self) -> str:
        """Return the output as text without the line end."""
        return self.out.decode(errors="replace").rstrip("\n")


def dated(at: datetime) -> dict[str, str]:
    """Return the environment that dates a commit, so that equal commits have equal shas."""
    when = f"{int(at.timestamp())} +0000"
    return {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}


@dataclass(frozen=True, kw_only=True)
class Git:
    """One bare repository; `product` is how an operator knows it, `timeout` is in seconds."""

    directory: Path
    product: str
    timeout: float = 60.0
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(8))

    async def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        fine: tuple[int, ...] = (0,),
    ) -> Answer:
        """Run one command.

        Raises Terminal when git is not installed, Unavailable when it takes too long or ends with
        a code that is not in `fine`.
        """
        async with self.turns:
            answer = await self._answer(arguments, stdin, env or {})
        if answer.code not in fine:
            raise Unavailable(self.product, f"git {arguments[0]}: {answer.error}")
        return answer

    async def _answer(
        self, arguments: tuple[str, ...], stdin: bytes, env: Mapping[str, str]
    ) -> Answer:
        """Start the command, feed it, and wait no longer than allowed."""
        settings = [word for setting in _SETTINGS for word in ("-c", setting)]
        try:
            process = await asyncio.create_subprocess_exec(
                "git",
                f"--git-dir={self.directory}",
                *settings,
                *arguments,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                env={**_clean(), **env},
            )
        except FileNotFoundError as missing:
            raise Terminal(
                "git is not on PATH: install git 2.30 or newer (Debian: apt-get install git)"
            ) from missing
        try:
            async with asyncio.timeout(self.timeout):
                out, err = await process.communicate(stdin)
        except TimeoutError as late:
            reason = f"git {arguments[0]} did not end within {self.timeout:g} s"
            raise Unavailable(self.product, reason) from late
        finally:
            await _end(process)
        complaint = err.decode(errors="replace").strip().partition("\n")[0]
        return Answer(process.returncode or 0, out, complaint or f"exit code {process.returncode}")

    async def move(self, *lines: str) -> bool:
        """Move refs in one transaction, each line as `git update-ref --stdin` takes it.

        Returns False when a ref was not where it was expected, or another ref's name is in its
        way. Raises Unavailable when git cannot write, a lock left by a crashed git included.
        """
        script = "".join(f"{line}\n" for line in ("start", *lines, "prepare", "commit"))
        answer = await self.run("update-ref", "--stdin", stdin=script.encode(), fine=(0, 1, 128))
        if answer.code == 0:
            return True
        if _LOST.search(answer.error.encode()):
            return False
        raise Unavailable(self.product, f"git update-ref: {answer.error}")

    async def refs(self, *patterns: str) -> dict[str, str]:
        """Return the refs below the given prefixes (or exactly those), name -> object."""
        listed = await self.run("for-each-ref", "--format=%(objectname) %(refname)", *patterns)
        return {
            name: sha for sha, _, name in (line.partition(" ") for line in listed.text.splitlines())
        }

    async def within(self, ancestor: str, descendant: str) -> bool:
        """Tell whether a commit is reachable from (or is) another; unknown commits are not."""
        answer = await self.run(
            "merge-base", "--is-ancestor", ancestor, descendant, fine=(0, 1, 128)
        )
        unknown = "valid object name" in answer.error or "valid commit name" in answer.error
        if answer.code > 1 and not unknown:
            raise Unavailable(self.product, f"git merge-base: {answer.error}")
        return answer.code == 0


def _clean() -> dict[str, str]:
    """Return an environment in which git reads no configuration but the repository's."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.devnull,
        "XDG_CONFIG_HOME": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_AUTHOR_NAME": AUTHOR,
        "GIT_AUTHOR_EMAIL": EMAIL,
        "GIT_COMMITTER_NAME": AUTHOR,
        "GIT_COMMITTER_EMAIL": EMAIL,
        "LC_ALL": "C",
        "TZ": "UTC",
    }


async def _end(process: Process) -> None:
    """Let a command that was given up remove its locks, then make sure it is gone."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_GRACE):
            await process.communicate()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
