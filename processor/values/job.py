"""A program that answers a gate: what it is given, how it ended, and what held it in.

Place in the flow: `start_gates` makes jobs, `ports/evaluator` runs them, `rules/gates/command`
reads how one ended.
"""

import uuid
from dataclasses import dataclass
from typing import Literal

_JOBS = uuid.UUID("5d4ee3c5-0d8f-5a41-9f0e-6d2f8a1f7c55")


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run of a gate's program.

    `folder` is where its relative names begin, absolute; `timeout` is in seconds; `evidence` is
    the JSON it reads on its standard input.
    """

    id: str
    command: tuple[str, ...]
    folder: str
    timeout: float
    evidence: str


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a job ended: `said` is its whole output, `complaint` the end of its standard error.

    `problem` is empty when it ended by itself with exit code 0, else a sentence that says what
    happened and what to do about it. `runner` names who ran it, `seconds` is how long it ran.
    """

    problem: str
    said: str
    complaint: str
    seconds: float
    runner: str


LimitName = Literal[
    "network", "files", "children", "cpu", "memory", "processes", "descriptors", "scratch"
]
"""What can hold a program in, besides the time it may run and what it may print."""


@dataclass(frozen=True)
class LimitFound:
    """One limit of a runner on this machine; `problem` is empty where it is enforced.

    `waived` is set where an operator allowed to go without it.
    """

    name: LimitName
    enforces: str
    problem: str = ""
    waived: bool = False


Progress = Literal["running", "unknown"]
"""`running`: it is queued or runs; `unknown`: the runner has nothing of that id."""


def job_id(evaluation_id: str, gate_id: str) -> str:
    """Return the id of a gate's job in one evaluation: the same whoever asks, and however often."""
    return str(uuid.uuid5(_JOBS, f"{evaluation_id}:{gate_id}"))
