"""Remember which of our marks a stranger has replaced.

Place in the flow: version and model records keep `marks` (what we wrote last) and `foreign`
(the value of ours somebody else replaced); `rules/marks` asks nothing for such a mark until
we want something else there: convergence never overwrites a person.
"""

from collections.abc import Mapping


def marked(
    marks: Mapping[str, str], foreign: Mapping[str, str], mark: str, value: str
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return both maps after we wrote a mark."""
    kept = {name: ours for name, ours in foreign.items() if name != mark}
    return {**marks, mark: value}, kept


def moved(
    marks: Mapping[str, str], foreign: Mapping[str, str], mark: str, value: str
) -> Mapping[str, str]:
    """Return `foreign` after somebody else changed a mark to `value`."""
    ours = marks.get(mark)
    if ours is None:
        return foreign
    if ours == value:
        return {name: old for name, old in foreign.items() if name != mark}
    return {**foreign, mark: ours}
