"""What an operator should know of their MLflow, with the fix.

Place in the flow: `registries/mlflow` returns it for `sluice doctor`. Nothing is changed; each
remark is found by asking the server, so one that does not apply is not made.
"""

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from processor.adapters.http import Answer
from processor.adapters.registries.rest import Rest
from processor.adapters.registries.webhooks import about_webhooks
from processor.errors import Terminal, Unavailable
from processor.values.registry import Remark

_SKEW = 5.0  # seconds two clocks may differ before what is news and what is old get mixed up
_SLOW, _TIMES = 0.15, 10  # a password check costs about 0.4 s, anything else in MLflow 0.02 s
_ASKED = 5  # answers compared to see whether they agree
_USUAL = "default"


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What the operator configured.

    `password`: one is sent with each request; `insecure`: any certificate is believed;
    `hook_url`: where the webhook is meant to come, empty for none.
    """

    workspaces: Sequence[str] = (_USUAL,)
    password: bool = False
    insecure: bool = False
    hook_url: str = ""


async def remarks(rest: Rest, watch: Watch) -> AsyncIterator[Remark]:
    """Yield every remark that applies. Raises Unavailable when it does not answer at all."""
    yield _clock(await rest.http.get("health"))
    if watch.insecure:
        yield Remark(
            fine=True,
            text="any certificate is believed, as registry.tls.insecure asks: whoever is in "
            "between reads and changes everything; name the authority in registry.tls.ca instead",
        )
    if watch.password:
        yield await _password(rest)
    async for remark in _workspaces(rest, watch.workspaces):
        yield remark
    async for remark in about_webhooks(rest, watch.hook_url):
        yield remark


def _clock(answer: Answer) -> Remark:
    """Compare its clock with ours: what was there before us is told by both."""
    if answer.sent is None:
        return Remark(fine=True, text="it does not tell its clock; keep it on time, as ours is")
    apart = (answer.sent - datetime.now(UTC)).total_seconds()
    if abs(apart) <= _SKEW:
        return Remark(fine=True, text="its clock agrees with ours")
    which = "before" if apart > 0 else "behind"
    return Remark(
        fine=False,
        text=f"its clock is {abs(apart):.0f} s {which} ours: what is new and what was there "
        "before us cannot be told apart; keep both machines on time (NTP)",
    )


async def _password(rest: Rest) -> Remark:
    """Time a request that checks the password beside one that does not."""
    free = await _quickest(rest, "health")
    paid = await _quickest(rest, "version")
    if paid < _SLOW or paid < _TIMES * free:
        return Remark(fine=True, text=f"a password is checked in {paid * 1000:.0f} ms")
    return Remark(
        fine=False,
        text=f"each request takes {paid * 1000:.0f} ms, nearly all of it to check the password: "
        "write auth_cache_ttl_seconds = 60 under [mlflow] in the server's basic_auth.ini",
    )


async def _quickest(rest: Rest, path: str) -> float:
    """Return the seconds the quickest of a few requests takes; the first may fill a cache."""
    took: list[float] = []
    for _ in range(3):
        began = time.perf_counter()
        await rest.http.get(path)
        took.append(time.perf_counter() - began)
    return min(took)


async def _workspaces(rest: Rest, watched: Sequence[str]) -> AsyncIterator[Remark]:
    """Yield whether each workspace can be read, and which there are besides."""
    there = await _listed(rest)
    named = [one for one in watched if one != _USUAL]
    if there is None and named:
        yield Remark(
            fine=False,
            text=f"this server runs without workspaces, and registry.workspaces names "
            f"{', '.join(named)}: set it to [default], or start MLflow with --enable-workspaces",
        )
        return
    for workspace in watched:
        yield await _readable(rest, workspace, there)
    if there and (left := sorted(set(there) - set(watched))):
        yield Remark(
            fine=True,
            text=f"workspaces it has and nobody here watches: {', '.join(left)}; add them to "
            "registry.workspaces to have them watched",
        )


async def _listed(rest: Rest) -> Sequence[str] | None:
    """Return its workspaces, none where we may not list them; None when it runs without."""
    info = await _asked(rest, "api/3.0/mlflow/server-info")
    if info is None or not info.get("workspaces_enabled"):
        return None
    found = await _asked(rest, "api/3.0/mlflow/workspaces") or {}
    return [str(one.get("name", "")) for one in found.get("workspaces", ())]


async def _asked(rest: Rest, path: str) -> dict[str, Any] | None:
    """Return the object at a path older servers do not know; None where there is none."""
    try:
        answer = await rest.http.get(path)
        found = answer.json() if answer.status == HTTPStatus.OK else None
    except (Unavailable, ValueError):
        return None
    return found if isinstance(found, dict) else None


async def _readable(rest: Rest, workspace: str, there: Sequence[str] | None) -> Remark:
    """Read the newest change a few times: replicas that lag and mixed servers disagree."""
    if there and workspace not in there:
        return Remark(
            fine=False,
            text=f"there is no workspace {workspace!r}, or our user may not see it; it has "
            f"{', '.join(sorted(there))}: correct registry.workspaces, or create it",
        )
    params = [("max_results", "1"), ("order_by", "last_updated_timestamp DESC")]
    newest = 0
    try:
        for _ in range(_ASKED):
            rows = await rest.find(workspace, "registered-models/search", params) or {}
            at = max((int(row["last_updated_timestamp"]) for row in _rows(rows)), default=0)
            if at < newest:
                return _disagree(workspace)
            newest = at
    except (Unavailable, Terminal) as problem:
        said = str(problem).removeprefix(f"{rest.http.product}: ")
        return Remark(fine=False, text=f"workspace {workspace!r} cannot be read: {said}")
    return Remark(fine=True, text=f"workspace {workspace!r} can be read")


def _rows(found: dict[str, Any]) -> Sequence[dict[str, Any]]:
    """Return the models of an answer."""
    return [row for row in found.get("registered_models", ()) if "last_updated_timestamp" in row]


def _disagree(workspace: str) -> Remark:
    """Return what answers that go back in time mean."""
    return Remark(
        fine=False,
        text=f"answers about workspace {workspace!r} go back and forth in time: it reads from "
        "replicas that lag (--read-replica-backend-store-uri), or servers with different "
        "databases share one address; a replica may be 60 s late at most, or changes wait for "
        "the next full look",
    )
