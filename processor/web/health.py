"""`/healthz`, `/readyz` and `/metrics`: for those who run us.

Place in the flow: a product that is down makes rows wait, not this process useless; so it is a
named state in the answer, and only starting and draining are 503.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Literal

from aiohttp import web

from processor.errors import Unavailable
from processor.telemetry import CONTENT_TYPE, EVERY_MODEL, Metrics, Standing, Watching
from processor.values.version import key_of
from processor.views.knowledge import Knowledge
from processor.views.status import Look, Status, problem_of, products_of, status
from processor.views.switched import Switched, switched
from processor.web.answers import answer

Phase = Literal["starting", "ready", "draining"]


@dataclass
class Readiness:
    """Where the process is in its life; `app` moves it, `/readyz` tells it."""

    phase: Phase = "starting"


@dataclass(frozen=True, kw_only=True)
class Health:
    """How the process stands."""

    known: Knowledge
    readiness: Readiness
    metrics: Metrics

    def routes(self) -> Sequence[web.RouteDef]:
        """Return where it answers."""
        return [
            web.get("/healthz", self.alive),
            web.get("/readyz", self.ready),
            web.get("/metrics", self.exposition),
        ]

    async def alive(self, _: web.Request) -> web.Response:
        """Answer as long as the loop turns."""
        return answer({"status": "alive"})

    async def ready(self, _: web.Request) -> web.Response:
        """Answer 200 when ready, 503 while starting or draining.

        Dependencies are named states; what people paused or hold stands beside them and is no
        reason to be taken out of service. Null means that the ledger could not be read.
        """
        phase = self.readiness.phase
        off = await self._switched()
        found = {
            "status": phase,
            "dependencies": {
                name: {
                    "state": "down" if state.problem else "up",
                    "problem": problem_of(name, state),
                    "since": state.since,
                }
                for name, state in products_of(self.known).items()
            },
            "pauses": off.pauses if off else None,
            "holds": off.holds if off else None,
        }
        return answer(found, HTTPStatus.OK if phase == "ready" else HTTPStatus.SERVICE_UNAVAILABLE)

    async def _switched(self) -> Switched | None:
        """Return what is off, None when the ledger cannot say: then it is among the states."""
        try:
            return await switched(self.known)
        except Unavailable:
            return None

    async def exposition(self, _: web.Request) -> web.Response:
        """Answer Prometheus."""
        text = self.metrics.text(_standing(await status(self.known)))
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE})


def _standing(found: Status) -> Standing:
    oldest = (found.now - found.oldest_ready).total_seconds() if found.oldest_ready else 0.0
    return Standing(
        events=found.events,
        placed=found.pos,
        undispatched=found.undispatched,
        work=found.work,
        effects=found.effects,
        products={product.name: not product.problem for product in found.products},
        paused={
            key_of(found.registry, one.workspace, one.model) if one.model else EVERY_MODEL
            for one in found.pauses
        },
        held=len(found.holds),
        looks=[_watching(look, found.now) for look in found.looks],
        oldest_ready_seconds=max(0.0, oldest),
    )


def _watching(look: Look, now: datetime) -> Watching:
    return Watching(
        name=look.name,
        age=None if look.well is None else max(0.0, (now - look.well).total_seconds()),
        interval=look.interval,
        requests=look.requests,
        seconds=look.seconds,
        load=look.load,
        well=not look.problem,
        whole=look.name.endswith(".reconcile"),
    )
