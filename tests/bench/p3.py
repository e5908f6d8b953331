"""P3: what our looks cost the registry, at 50,000 versions.

Place in the flow: `make bench`. One fast tick beside one scan of every version; then every look at
the pace the program gives it at default settings, plain and with MLflow's basic auth (which checks
the password anew for each request). CPU is the registry's, from /proc, not ours.
"""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from processor.rules.pace import Rhythm, interval
from processor.sources.pace import Course
from tests.bench import lanes
from tests.bench.p7 import fdatasync_ms
from tests.bench.registry import (
    LARGE,
    WORKSPACE,
    Bench,
    Looking,
    looking,
    rhythms,
    seeded,
    with_basic_auth,
)
from tests.bench.table import Line, asking, end, show
from tests.parts.seeding import Size

_PASSWORD = "only-for-this-bench"
_ADMIN = f"Basic {base64.b64encode(f'admin:{_PASSWORD}'.encode()).decode()}"
_TIMES = {"registry.changes": 20, "registry.models": 3, "registry.reconcile": 1}


@dataclass(frozen=True)
class Cost:
    """One look: CPU seconds of the registry, and of MLflow alone without its database; seconds its
    requests were out, their number."""

    cpu: float
    mlflow: float
    out: float
    requests: int


@dataclass(frozen=True)
class Sample:
    """The looks by name, and one scan of every version in CPU seconds."""

    looks: Mapping[str, Cost]
    scan: float
    fdatasync: float = 0.0

    @property
    def ratio(self) -> float:
        """Return a fast tick as a part of the scan."""
        return self.looks["registry.changes"].cpu / self.scan

    def load(self, paced: Mapping[str, Rhythm]) -> float:
        """Return the part of a core all looks together keep busy in MLflow, each at its pace."""
        each = self.looks.items()
        return sum(cost.mlflow / interval(paced[name], cost.out) for name, cost in each)

    def with_database(self, paced: Mapping[str, Rhythm]) -> float:
        """Return the same of MLflow and PostgreSQL, whose own workers may run side by side."""
        return sum(cost.cpu / interval(paced[name], cost.out) for name, cost in self.looks.items())


async def measure(bench: Bench, authorization: str = "") -> Sample:
    """Look every way, some times each, and scan once."""
    async with looking(bench, authorization) as ours:
        looks: dict[str, Callable[[], Awaitable[object]]] = {
            "registry.changes": ours.source.look_changes,
            "registry.models": ours.source.look_models,
            "registry.reconcile": ours.source.reconcile,
        }
        found = {name: await _cost(bench, ours, name, look) for name, look in looks.items()}
        began = bench.cpu()
        after = ""
        while True:
            page = await ours.reader.page(WORKSPACE, after)
            after = page.after
            if not after:
                break
        return Sample(found, bench.cpu() - began, fdatasync_ms())


async def _cost(
    bench: Bench, ours: Looking, name: str, look: Callable[[], Awaitable[object]]
) -> Cost:
    """Return the mean cost of a look."""
    course, times = Course(name=name, rhythm=Rhythm(1.0), clock=ours.clock), _TIMES[name]
    out, requests, began, alone = 0.0, 0, bench.cpu(), bench.mlflow_cpu()
    for _ in range(times):
        course.begins()
        await look()
        course.ends()
        state = course.state
        assert state is not None
        out, requests = out + state.seconds, requests + state.requests
    both, mlflow = bench.cpu() - began, bench.mlflow_cpu() - alone
    return Cost(both / times, mlflow / times, out / times, requests // times)


@dataclass(frozen=True)
class Measured:
    """Samples of the plain registry and of one with basic auth, at this pace."""

    plain: Sequence[Sample]
    auth: Sequence[Sample]
    paced: Mapping[str, Rhythm]


def run(size: Size, count: int) -> Measured:
    """Take the samples."""
    with seeded(size) as bench:
        print(f"P3 {size.versions} versions of {size.models} models in {bench}")
        paced = rhythms(bench)
        plain = [asyncio.run(measure(bench)) for _ in range(count)]
        with with_basic_auth(bench, _PASSWORD) as guarded:
            print(f"   with basic auth: {guarded}")
            auth = [asyncio.run(measure(guarded, _ADMIN)) for _ in range(count)]
    return Measured(plain, auth, paced)


def report(found: Measured) -> list[Line]:
    """Return each promise with what was measured."""
    told = [
        Line(what=f"registry CPU ms of {name.partition('.')[2]}{auth}", ratios=_ms(samples, name))
        for auth, samples in (("", found.plain), (" (basic auth)", found.auth))
        for name in _TIMES
    ]
    return [
        Line(
            what="a fast tick / a scan of every version",
            ratios=[one.ratio for one in found.plain],
            reach=0.01,
            most=True,
        ),
        Line(
            what="MLflow, all looks at default settings, cores",
            ratios=[one.load(found.paced) for one in found.plain],
            reach=0.02,
            most=True,
        ),
        Line(
            what="MLflow, the same with basic auth, cores",
            ratios=[one.load(found.paced) for one in found.auth],
            reach=0.02,
            most=True,
        ),
        Line(
            what="MLflow and PostgreSQL, cores",
            ratios=[one.with_database(found.paced) for one in found.plain],
        ),
        Line(
            what="MLflow and PostgreSQL, basic auth, cores",
            ratios=[one.with_database(found.paced) for one in found.auth],
        ),
        *told,
    ]


def _ms(samples: Sequence[Sample], name: str) -> list[float]:
    return [one.looks[name].cpu * 1000 for one in samples]


def main() -> None:
    """Measure and print."""
    parser = asking("P3: what our looks cost the registry.")
    parser.add_argument("--versions", type=int, default=LARGE.versions)
    parser.add_argument("--models", type=int, default=LARGE.models)
    wished = parser.parse_args()
    lanes.as_in_production()
    began = time.perf_counter()
    found = run(Size(versions=wished.versions, models=wished.models), wished.samples)
    lines = report(found)
    show(f"P3 medians of {wished.samples} samples, {time.perf_counter() - began:.0f} s", lines)
    for auth, samples in (("plain", found.plain), ("basic auth", found.auth)):
        for name, cost in samples[-1].looks.items():
            every = interval(found.paced[name], cost.out)
            said = f"{cost.requests} requests, out {cost.out * 1000:.0f} ms, every {every:.0f} s"
            print(f"{auth:<11}{name:<20}{said}, MLflow {cost.mlflow / every:.3%} of a core")
    disk = [one.fdatasync for one in (*found.plain, *found.auth)]
    end("P3", lines, disk, as_json=wished.json)


if __name__ == "__main__":
    main()
