"""Look at the model registry and append what changed.

Place in the flow: `app` keeps the looks of `RegistrySource` going: what changed lately, every few
seconds; all models, now and then; everything, once in a while; what a hook named, at once. MLflow
tells nothing reliably, has no tombstones, and moves no timestamp for a tag or an alias; so each
look compares what is there with what the snapshots hold (`rules/changes`), and the full one finds
what the others cannot see.
"""

from processor.sources.registry.source import RegistrySource

__all__ = ["RegistrySource"]
