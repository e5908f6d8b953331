"""Everything that is not us, made from settings.

Place in the flow: `lifecycle` opens it, `program` divides it: reading halves for whoever
decides, writing halves for the effects door alone. Drills hand in another `Outside`.
Variables are typed by port, so mypy checks every adapter where it is chosen.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from processor.adapters.chat.log import LogNotifier
from processor.adapters.clusters.local import LocalCluster
from processor.adapters.forges.local import LocalForge
from processor.adapters.http import Http
from processor.app.gate_runner import gate_runner
from processor.app.registry_session import open_registry
from processor.ports.evaluator import Evaluator
from processor.ports.reading.cluster import ClusterReader
from processor.ports.reading.forge import ForgeReader
from processor.ports.reading.registry import RegistryReader
from processor.ports.writing.forge import ForgeWriter
from processor.ports.writing.notifier import Notifier
from processor.ports.writing.registry import RegistryWriter
from processor.settings.load import Loaded


@dataclass(frozen=True, kw_only=True)
class Outside:
    """The world by port; forges, clusters and endpoints by their configured names."""

    registry: RegistryReader
    registry_writer: RegistryWriter
    forges: Mapping[str, ForgeReader]
    forge_writers: Mapping[str, ForgeWriter]
    clusters: Mapping[str, ClusterReader]
    endpoints: Mapping[str, Notifier]
    evaluator: Evaluator


@asynccontextmanager
async def open_outside(loaded: Loaded) -> AsyncIterator[Outside]:
    """Open a session with every configured product; nothing is asked of any yet."""
    settings = loaded.settings
    async with AsyncExitStack() as stack:
        registry = await stack.enter_async_context(open_registry(settings))
        forges = {
            name: LocalForge(name=name, path=forge.local.path)
            for name, forge in settings.forges.items()
        }
        clusters = {
            name: LocalCluster(
                name=name,
                http=await stack.enter_async_context(
                    Http(
                        product=f"cluster {name}",
                        base_url=str(cluster.local.url),
                        setting=f"clusters.{name}.local.url",
                    )
                ),
            )
            for name, cluster in settings.clusters.items()
        }
        yield Outside(
            registry=registry,
            registry_writer=registry,
            forges=forges,
            forge_writers=forges,
            clusters=clusters,
            endpoints={"log": LogNotifier()},
            evaluator=await stack.enter_async_context(gate_runner(loaded)),
        )
