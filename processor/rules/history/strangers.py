"""Remember which of our marks a stranger has replaced.

Place in the flow: version and model records keep `Authors`: what we wrote last, and the value of
ours somebody else replaced; `rules/marks` asks nothing for such a mark until we want something
else there: convergence never overwrites a person.
"""

from dataclasses import replace

from processor.events import AliasRemoved, AliasSet, VersionMarked, VersionStageChanged
from processor.values.principal import SLUICE
from processor.values.record import Authors


def marked(seen: str, said: VersionMarked, authors: Authors) -> tuple[str, Authors]:
    """Return what stands there now, and whose, after we said that we wrote a mark.

    `seen` is what the record says stands there. When our write was seen to land before, or `seen`
    is neither what we replaced nor what we wrote, then a stranger's later write was told before
    our own word came: it stays theirs.
    """
    landed = authors.landed.get(said.mark) == _write(said.head.cause, said.value)
    ours = {**authors.marks, said.mark: said.value}
    others = {name: value for name, value in authors.foreign.items() if name != said.mark}
    if seen == said.value or (seen == said.previous and not landed):
        return said.value, replace(authors, marks=ours, foreign=others)
    return seen, replace(authors, marks=ours, foreign={**others, said.mark: said.value})


def moved(
    event: VersionStageChanged | AliasSet | AliasRemoved, mark: str, value: str, authors: Authors
) -> Authors:
    """Return whose marks are whose after one was seen to change to `value`."""
    if event.head.actor == SLUICE:
        landed = {**authors.landed, mark: _write(event.head.cause, value)}
        authors = replace(authors, landed=landed)
        ours = authors.foreign.get(mark)
    else:
        ours = authors.marks.get(mark)
        if ours is not None and ours != value:
            return replace(authors, foreign={**authors.foreign, mark: ours})
    if ours != value:
        return authors
    others = {name: old for name, old in authors.foreign.items() if name != mark}
    return replace(authors, foreign=others)


def _write(cause: str | None, value: str) -> str:
    """Name one write of ours: a cause asks for a mark once, whatever it is."""
    return f"{cause}={value}"
