"""Where an artifact lies, as the cluster can load it.

Place in the flow: `registries/mlflow` asks it for `location`. MLflow names artifacts by its own
proxy (`mlflow-artifacts:`) when it serves them; the operator says with `artifact_roots` which
storage is behind. Source of the schemes: KServe's storage initializer and its OCI support.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from processor.errors import Terminal

LOADABLE = (
    *("gs", "s3", "pvc", "file", "http", "https"),  # Azure blobs are https
    *("hdfs", "webhdfs", "oci", "oci+native", "hf"),
)
_PROXY = "mlflow-artifacts:"


def loadable(uri: str, roots: Mapping[str, str]) -> str:
    """Return the URI with the longest matching root replaced.

    Raises Terminal naming the URI and the `artifact_roots` key to add when KServe cannot load
    the result, or when the path climbs out of its root.
    """
    rewritten = _rewritten(_without_host(uri), roots)
    scheme = urlsplit(rewritten).scheme
    if ".." in urlsplit(rewritten).path.split("/"):
        raise Terminal(f"the artifact's URI {uri} climbs out of its root with `..`; not loading it")
    if scheme not in LOADABLE:
        raise Terminal(
            f"the artifact is at {uri}, which KServe cannot load: it loads "
            f"{', '.join(f'{name}://' for name in LOADABLE)}. Say where the cluster finds it: "
            f"add the key {_missing(uri)!r} to registry.artifact_roots, with the storage "
            f"behind it as the value (for example 's3://bucket/')"
        )
    return rewritten


def _rewritten(uri: str, roots: Mapping[str, str]) -> str:
    """Return the URI with the longest root that is a whole part of its path replaced."""
    best, rest = "", ""
    for root in roots:
        prefix = _without_host(root).rstrip("/")
        tail = uri.removeprefix(prefix)
        fits = uri.startswith(prefix) and (not tail or tail.startswith("/"))
        if fits and len(root) > len(best):
            best, rest = root, tail
    if not best:
        return uri
    tail = rest.lstrip("/")
    return f"{roots[best].rstrip('/')}/{tail}" if tail else roots[best].rstrip("/")


def _without_host(uri: str) -> str:
    """Return an `mlflow-artifacts:` URI without its server: the same store however it is named."""
    if not uri.startswith(_PROXY):
        return uri
    parts = urlsplit(uri)
    return f"{_PROXY}/{parts.path.lstrip('/')}"


def _missing(uri: str) -> str:
    """Return the root an operator most likely has to add."""
    parts = urlsplit(uri)
    if parts.scheme == "mlflow-artifacts":
        return f"{_PROXY}/"
    if parts.scheme:
        return f"{parts.scheme}://{parts.netloc}/" if parts.netloc else f"{parts.scheme}:/"
    return f"/{parts.path.lstrip('/').partition('/')[0]}/"
