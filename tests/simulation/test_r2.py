"""R2: the whole program under crashes and a wire that loses, delays and repeats, by seeds.

A failing seed is named with the line that runs it again; it goes the same way every time.
"""

import multiprocessing
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.report import Row, tell, timed
from tests.simulation.controls import CONTROLS, without
from tests.simulation.runs import Size, Told, run
from tests.simulation.seeds import PINNED, PINNED_LONG

ROOT = Path(__file__).parents[2]
SHORT = Size(runs=16)
LONG = Size(runs=120, every=2.5, mean_points=26)
FOUND_AT = Size(runs=60, every=6.0)
_ALWAYS = (
    "promotions serving",
    "promotions rejected",
    "promotions superseded",
    "promotions withdrawn",
    "approvals that counted",
    "own marks seen",
    "foreign marks told",
    "effects sent again",
    "pull requests after doubt",
    "pauses of everything",
    "refused: Not yours to approve",
    "wire: late",
    "wire: answer_lost",
)


@dataclass
class Sum:
    """What many seeds came to."""

    seeds: int
    lost: int
    doubled: int
    always: Counter[str]
    problems: list[str]

    @classmethod
    def of(cls, told: Sequence[Told]) -> "Sum":
        always: Counter[str] = Counter()
        for one in told:
            always.update(one.verdict.always)
        return cls(
            seeds=len(told),
            lost=sum(one.verdict.lost for one in told),
            doubled=sum(one.verdict.doubled for one in told),
            always=always,
            problems=[
                f"seed {one.seed}: {problem}   (again: {_again(one)})"
                for one in told
                for problem in one.verdict.problems
            ],
        )

    @property
    def ours(self) -> str:
        """Return the zeros, and what happened."""
        ends = {
            name.removeprefix("promotions "): count
            for name, count in sorted(self.always.items())
            if name.startswith("promotions ")
        }
        return (
            f"{self.lost} lost, {self.doubled} doubled, {len(self.problems)} problems; "
            f"promotions {ends}; {self.always['pull requests']} pull requests, "
            f"{self.always['pull requests after doubt']} after doubt; "
            f"{self.always['effects sent again']} effects sent again"
        )

    @property
    def kills(self) -> str:
        """Return how many crashes, and where they landed."""
        always = self.always
        return (
            f"{always['crashes']}: {always['crashes on unfinished work']} on unfinished work, "
            f"{always['crashes between sending and done']} between sending and done"
        )


def _two() -> ProcessPoolExecutor:
    """Return two processes to run seeds in, made anew now and then: a seed leaves memory behind."""
    context = multiprocessing.get_context("forkserver")
    return ProcessPoolExecutor(2, mp_context=context, max_tasks_per_child=8)


def _again(told: Told) -> str:
    """Return the line that runs a seed again, at its size."""
    size = told.size
    return f"python -m tests.simulation.runs {told.seed} {size.runs} {size.every:g}"


def _check(total: Sum) -> None:
    assert not total.problems, "\n".join(total.problems)
    crashes = total.always["crashes"]
    assert total.always["crashes on unfinished work"] * 2 >= crashes
    assert total.always["crashes between sending and done"] * 5 >= crashes
    missing = [name for name in _ALWAYS if not total.always[name]]
    assert not missing, f"never happened, so its zeros mean nothing: {missing}"


def _control_losses(
    seeds: Sequence[int], size: Size, first: Mapping[str, int] = MappingProxyType({})
) -> Iterator[tuple[str, str]]:
    """Yield each control with its losses, on the first seed that shows any.

    The same seed with every guard on loses and doubles nothing. `first` is where to begin, for
    controls whose losses are rare in small runs.
    """
    clean: set[int] = set()
    for name in CONTROLS:
        for seed in [first[name], *seeds] if name in first else seeds:
            verdict = run(seed, size, without(name)).verdict
            if verdict.lost or verdict.doubled:
                if seed not in clean:
                    assert run(seed, size).verdict.problems == []
                    clean.add(seed)
                yield name, f"{verdict.lost} lost, {verdict.doubled} doubled on seed {seed}"
                break
        else:
            pytest.fail(f"the control without {name!r} lost and doubled nothing")


@pytest.mark.real
def test_nothing_is_lost_and_nothing_doubled_whatever_the_seed() -> None:
    seeds = [*PINNED, 100]
    with timed() as took, _two() as pool:
        told = list(pool.map(run, seeds, [SHORT] * len(seeds)))
        controls = dict(_control_losses(range(1, 40), Size(runs=6), {"no inbox": 15}))
    total = Sum.of(told)
    tell(
        Row(
            drill="R2, short: the whole program in virtual time",
            size=f"{total.always['events']} events, {total.always['crashes']} crashes, "
            f"{total.seeds} seeds",
            kills=total.kills,
            ours=total.ours,
            control="; ".join(f"{name}: {found}" for name, found in controls.items()),
            minutes=took[0],
        )
    )
    _check(total)


def test_a_seed_goes_the_same_way_every_time() -> None:
    small = Size(runs=4)
    first, second, other = run(3, small), run(3, small), run(4, small)
    assert first.verdict.always["crashes"] > 0
    assert first.digest == second.digest
    assert first.verdict.always == second.verdict.always
    assert first.digest != other.digest


@pytest.mark.real
def test_it_goes_the_same_way_in_another_process_with_other_hashes() -> None:
    said = [
        subprocess.run(
            [sys.executable, "-m", "tests.simulation.runs", "3", "4"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hashes},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hashes in ("1", "2")
    ]
    assert said[0].startswith("seed 3: ")
    assert said[0] == said[1]


@pytest.mark.soak
@pytest.mark.real
def test_r2_at_full_size() -> None:
    """100,000 events and 10,000 crashes, over two processes."""
    told: list[Told] = []
    with timed() as took, _two() as pool:
        told += pool.map(run, PINNED_LONG, [FOUND_AT] * len(PINNED_LONG))
        seed = 2000
        while sum(one.verdict.always["events"] for one in told) < 100_000 or (
            sum(one.verdict.always["crashes"] for one in told) < 10_000
        ):
            for one in pool.map(run, range(seed, seed + 8), [LONG] * 8):
                told.append(one)
                print(f"R2 seed {one.seed}: {one.verdict.always['events']} events;", end=" ")
                print(one.verdict.problems or "no problem", flush=True)
            seed += 8
        controls = dict(_control_losses(range(2000, 2010), LONG))
    total = Sum.of(told)
    tell(
        Row(
            drill="R2: the whole program in virtual time",
            size=f"{total.always['events']} events, {total.always['crashes']} crashes, "
            f"{total.seeds} seeds",
            kills=total.kills,
            ours=total.ours,
            control="; ".join(f"{name}: {found}" for name, found in controls.items()),
            minutes=took[0],
        )
    )
    _check(total)
