"""A breaker in front of every part of the outside.

Place in the flow: `program` divides what this returns; both halves of a product share one breaker.
"""

from typing import TypeVar

from processor.adapters.http import Http
from processor.app.outside import Outside
from processor.engine.breakers import LIMIT, guarded
from processor.engine.dependencies import KnownStates

P = TypeVar("P")


def guarded_outside(outside: Outside, dependencies: KnownStates) -> Outside:
    """Return the same outside, each part asked only while its breaker lets calls through."""

    def behind(part: P, product: str) -> P:
        return guarded(part, dependencies.breaker(product), limit=_limit(part))

    return Outside(
        registry=behind(outside.registry, "registry"),
        registry_writer=behind(outside.registry_writer, "registry"),
        forges={name: behind(part, f"forge {name}") for name, part in outside.forges.items()},
        forge_writers={
            name: behind(part, f"forge {name}") for name, part in outside.forge_writers.items()
        },
        clusters={name: behind(part, f"cluster {name}") for name, part in outside.clusters.items()},
        endpoints={
            name: behind(part, f"endpoint {name}") for name, part in outside.endpoints.items()
        },
        evaluator=outside.evaluator,  # it runs on this machine, and `sources/gates` asks it anyway
    )


def _limit(part: object) -> float | None:
    """Return how many seconds one call may take.

    A part over `adapters/http` keeps the time of each request, and a listing has as many as it has
    pages: it may take as long as the registry is large.
    """
    return None if isinstance(getattr(part, "http", None), Http) else LIMIT
