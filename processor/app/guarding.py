"""A breaker in front of every part of the outside.

Place in the flow: `program` divides what this returns; both halves of a product share one breaker.
"""

from processor.app.outside import Outside
from processor.engine.breakers import guarded
from processor.engine.dependencies import KnownStates


def guarded_outside(outside: Outside, dependencies: KnownStates) -> Outside:
    """Return the same outside, each part asked only while its breaker lets calls through."""
    registry = dependencies.breaker("registry")
    return Outside(
        registry=guarded(outside.registry, registry),
        registry_writer=guarded(outside.registry_writer, registry),
        forges={
            name: guarded(part, dependencies.breaker(f"forge {name}"))
            for name, part in outside.forges.items()
        },
        forge_writers={
            name: guarded(part, dependencies.breaker(f"forge {name}"))
            for name, part in outside.forge_writers.items()
        },
        clusters={
            name: guarded(part, dependencies.breaker(f"cluster {name}"))
            for name, part in outside.clusters.items()
        },
        endpoints={
            name: guarded(part, dependencies.breaker(f"endpoint {name}"))
            for name, part in outside.endpoints.items()
        },
        evaluator=outside.evaluator,  # it runs on this machine, and `sources/gates` asks it anyway
    )
