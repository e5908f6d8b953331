"""What can be said in a filter of MLflow's searches.

Place in the flow: `registries/mlflow` narrows its searches with these. MLflow's filters are
parsed as SQL without an escape for quotes, so a name or key is written out only as far as it is
plain; the rest is a wildcard, and the caller compares what comes back with what it meant.
"""

from processor.errors import Terminal

_IN_NAMES = " -._"
_IN_KEYS = "/_.- :"  # with letters and digits all that MLflow allows in a tag's key


def by_model(name: str) -> str:
    """Return a filter that finds the versions of the model, and maybe those of others."""
    plain = "".join(one if _plain(one, _IN_NAMES) else "%" for one in name)
    return f"name = '{name}'" if plain == name else f"name LIKE '{plain}'"


def by_tag(key: str) -> str:
    """Return a filter that finds the versions with a tag of this key; empty where none can."""
    if not key or not all(_plain(one, _IN_KEYS) for one in key):
        return ""
    return f"tags.`{key}` LIKE '%'"


def by_run(run_id: str) -> str:
    """Return a filter that finds the versions of the run.

    Raises Terminal when MLflow could not have given such an id.
    """
    if not run_id or not all(_plain(one, "-_") for one in run_id):
        raise Terminal(f"{run_id!r} is not a run id MLflow could have given")
    return f"run_id = '{run_id}'"


def _plain(character: str, besides: str) -> bool:
    """Tell whether a character means itself between quotes, whatever reads it."""
    return character.isalnum() or character in besides
