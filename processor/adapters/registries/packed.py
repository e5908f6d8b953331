"""Is there a model where a version says it is?

Place in the flow: `registries/mlflow` asks before it names a location, so that a version without
one is refused in plain words instead of failing in the cluster. MLflow lists what it can reach
with its own credentials; what it cannot reach is let pass, and said to be unchecked.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from processor.adapters.registries.rest import Rest
from processor.errors import Terminal, Unavailable
from processor.values.registry import VersionSeen

_MODEL = "MLmodel"
_LOGGED = "models:/m-"
_PAGES = 50  # of a listing; a model's own folder has a handful of files
_ELSEWHERE = ("", "file")  # paths of whoever wrote them: the server may not have that disk


async def unchecked(rest: Rest, seen: VersionSeen, uri: str) -> str:
    """Return why it could not be seen whether MLmodel is at `uri`, empty when it is there.

    Raises Terminal when it is not.
    """
    try:
        listed = await _listed(rest, seen, uri)
    except (Unavailable, Terminal) as problem:
        return f"MLflow cannot list {uri} ({problem})"
    if listed is None:
        return f"MLflow keeps only the address {uri}, not what is there"
    if _MODEL in listed:
        return ""
    if not listed and urlsplit(uri).scheme in _ELSEWHERE:
        return f"MLflow's server sees nothing at {uri}; it may not have that disk"
    there = f"only {', '.join(sorted(listed)[:5])}" if listed else "nothing"
    raise Terminal(
        f"{seen.version} has no model to serve: there is {there} at {uri}, and no file MLmodel; "
        "register the folder that log_model made"
    )


async def _listed(rest: Rest, seen: VersionSeen, uri: str) -> set[str] | None:
    """Return the names in the folder at `uri`; None where MLflow has no list of it."""
    if seen.source.startswith(_LOGGED):
        model_id = seen.source.removeprefix("models:/").strip("/")
        path = f"logged-models/{model_id}/artifacts/directories"
        return await _names(rest, seen, path, {})
    if not seen.run_id:
        return None
    path = "artifacts/list"
    found = await rest.find(seen.version.workspace, path, {"run_id": seen.run_id})
    root = str((found or {}).get("root_uri", "")).rstrip("/")
    if not root or not f"{uri.rstrip('/')}/".startswith(f"{root}/"):
        return None
    below = uri.rstrip("/").removeprefix(root).strip("/")
    return await _names(rest, seen, path, {"run_id": seen.run_id, "path": below})


async def _names(
    rest: Rest, seen: VersionSeen, path: str, params: Mapping[str, str]
) -> set[str] | None:
    """Return the last parts of the paths a listing has."""
    names: set[str] = set()
    token = ""
    for _ in range(_PAGES):
        asked = {**params, **({"page_token": token} if token else {})}
        found = await rest.find(seen.version.workspace, path, asked)
        if found is None:
            return None
        files: Sequence[Mapping[str, str]] = found.get("files", ())
        names |= rest.read(path, lambda: {one["path"].rpartition("/")[2] for one in files})  # noqa: B023 - called at once
        token = found.get("next_page_token", "")
        if not token or _MODEL in names:
            break
    return names
