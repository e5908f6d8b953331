"""Remember which of our marks a stranger has replaced.

Place in the flow: version and model records keep `Authors`: what we wrote last, and the value of
ours somebody else replaced; `rules/marks` asks nothing for such a mark until we want something
else there: convergence never overwrites a person.
"""

from collections.abc import Mapping
from dataclasses import replace

from processor.events import AliasRemoved, AliasSet, VersionMarked, VersionStageChanged
from processor.values.principal import SLUICE
from processor.values.record import Authors

Moved = VersionStageChanged | AliasSet | AliasRemoved


def marked(seen: str, said: VersionMarked, authors: Authors) -> tuple[str, Authors]:
    """Return what stands there now, and whose, after we said that we wrote a mark.

    `seen` is what the record says stands there. When our write was seen to land before, or `seen`
    is neither what we replaced nor what we wrote, then a stranger's later write was told before
    our own word came: it stays theirs.
    """
    writes = {_write(said.head.cause, said.value), _write(None, said.value)}
    landed = authors.landed.get(said.mark) in writes
    authors = replace(
        authors,
        marks={**authors.marks, said.mark: said.value},
        foreign=_without(authors.foreign, said.mark),
        landed=_without(authors.landed, said.mark),
    )
    if seen == said.value or (seen == said.previous and not landed):
        return said.value, authors
    return seen, replace(authors, foreign={**authors.foreign, said.mark: said.value})


def moved(event: Moved, mark: str, seen: str, authors: Authors) -> Authors:
    """Return whose marks are whose after one was seen to change.

    `seen` is what the record said stood there. A stranger who replaced something else replaced
    a write that nobody had told of: ours, whose word is still to come.
    """
    old, value = change(event)
    if event.head.actor == SLUICE:
        landed = {**authors.landed, mark: _write(event.head.cause, value)}
        authors = replace(authors, landed=landed)
        ours = authors.foreign.get(mark)
    else:
        if old != seen:
            authors = replace(authors, landed={**authors.landed, mark: _write(None, old)})
        ours = authors.marks.get(mark)
        if ours is not None and ours != value:
            return replace(authors, foreign={**authors.foreign, mark: ours})
    return replace(authors, foreign=_without(authors.foreign, mark)) if ours == value else authors


def change(event: Moved) -> tuple[str, str]:
    """Return what a mark said before and what it says now; empty: nothing."""
    match event:
        case VersionStageChanged():
            return event.old, event.new
        case AliasSet():
            return event.previous, event.number
        case AliasRemoved():
            return event.previous, ""


def _write(cause: str | None, value: str) -> str:
    """Name one write of ours: a cause asks for a mark once; None: which of ours is not known."""
    return f"{cause or '?'}={value}"


def _without(marks: Mapping[str, str], mark: str) -> Mapping[str, str]:
    """Return all but one."""
    return {name: value for name, value in marks.items() if name != mark}
