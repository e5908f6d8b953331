"""The version a candidate is compared with.

Place in the flow: `evaluate` judges beside it, `start_gates` shows it to the gates' programs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from processor.ports.reading.registry import RegistryReader
from processor.ports.views import Views
from processor.values.record import VersionRecord
from processor.values.serving import Serving
from processor.values.version import Version


@dataclass(frozen=True)
class Champion:
    """The version observed serving, and what its run logged; `metrics` None: there is none yet."""

    version: Version | None
    metrics: Mapping[str, str] | None


async def champion_of(
    views: Views, registry: RegistryReader, slot: str, candidate: Version
) -> Champion:
    """Return what serves in a slot (its key) beside a candidate, with its metrics.

    While nothing answers there it is the one that served last: an outage lowers no bar.
    """
    serving = await views.get(Serving, slot)
    version = serving.version if serving else None
    if serving is not None and serving.uri is None:
        version = serving.previous
    if version is None or version == candidate:
        return Champion(None, None)
    record = await views.get(VersionRecord, version.path)
    run = None
    if record is not None and record.run_id:
        run = await registry.run(candidate.workspace, record.run_id)
    return Champion(version, run.metrics if run is not None else {})
