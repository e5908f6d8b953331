"""How the looks fare: in the metrics, in the status, for whoever asks why one comes late."""

from datetime import timedelta
from pathlib import Path

from processor.values.look import LookState
from tests.views.world import START, World
from tests.web.site import running


def looking(name: str, **changes: object) -> LookState:
    given: dict[str, object] = {
        "name": name,
        "every": 2.0,
        "interval": 2.0,
        "pace": "",
        "first": START,
        "out": 0.0,
        "well": START,
        "problem": "",
        "requests": 3,
        "seconds": 0.012,
        "cost": 0.010,
    }
    return LookState(**{**given, **changes})  # type: ignore[arg-type]


def world() -> World:
    made = World()
    said = "every 7.4 s instead of 2 s: a look costs 74 ms"
    made.looking = {
        one.name: one
        for one in (
            looking("registry.changes", interval=7.4, pace=said, cost=0.074),
            looking("registry.reconcile", every=900.0, interval=900.0, cost=4.5),
            looking("proposals", well=None, problem="forge acme: timeout"),
        )
    }
    return made


async def test_metrics_tell_lag_truth_cost_and_pace_of_every_look(tmp_path: Path) -> None:
    async with running(world(), tmp_path) as site:
        site.world.clock.correct(timedelta(minutes=3).total_seconds())
        lines = set((await (await site.http.get(f"{site.url}/metrics")).text()).splitlines())
    assert {
        'sluice_source_lag_seconds{look="registry.changes"} 180.0',
        'sluice_source_truth_age_seconds{look="registry.reconcile"} 180.0',
        'sluice_source_interval_seconds{look="registry.changes"} 7.4',
        'sluice_source_look_requests{look="registry.changes"} 3.0',
        'sluice_source_look_seconds{look="registry.changes"} 0.012',
        'sluice_source_load_ratio{look="registry.changes"} 0.009999999999999998',
        'sluice_source_load_ratio{look="registry.reconcile"} 0.005',
        'sluice_source_up{look="registry.changes"} 1.0',
        'sluice_source_up{look="proposals"} 0.0',
    } <= lines
    told = "\n".join(lines)
    assert 'lag_seconds{look="proposals"}' not in told, "it has never gone well: no age"
    assert 'truth_age_seconds{look="registry.changes"}' not in told
    assert "timeout" not in told, "reasons are no labels"


async def test_the_status_names_pace_and_problem(tmp_path: Path) -> None:
    async with running(world(), tmp_path) as site:
        found = await (await site.http.get(f"{site.url}/v1/status")).json()
    looks = {one["name"]: one for one in found["looks"]}
    assert list(looks) == sorted(looks)
    assert looks["registry.changes"]["pace"].startswith("every 7.4 s instead of 2 s")
    assert looks["registry.changes"]["every"] == 2.0
    assert looks["proposals"]["problem"] == "forge acme: timeout"
    assert (looks["proposals"]["well"], looks["registry.reconcile"]["pace"]) == (None, "")
