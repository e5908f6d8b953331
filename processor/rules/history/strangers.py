"""Remember which of our marks a stranger has replaced.

Place in the flow: version and model records keep `marks` (what we wrote last) and `foreign`
(the value of ours somebody else replaced); `rules/marks` asks nothing for such a mark until
we want something else there: convergence never overwrites a person.
"""

from collections.abc import Mapping

from processor.events import VersionMarked


def marked(
    seen: str, said: VersionMarked, marks: Mapping[str, str], foreign: Mapping[str, str]
) -> tuple[str, Mapping[str, str], Mapping[str, str]]:
    """Return what stands there now, and both maps, after we said that we wrote a mark.

    `seen` is what the record says stands there. When it is neither what we replaced nor what we
    wrote, a stranger's later write was told before our own word came: it stays theirs.
    """
    ours = {**marks, said.mark: said.value}
    others = {name: value for name, value in foreign.items() if name != said.mark}
    if seen in {said.previous, said.value}:
        return said.value, ours, others
    return seen, ours, {**others, said.mark: said.value}


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
