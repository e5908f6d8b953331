"""Runners of the programs that answer slow gates, one per kind.

`local` runs them as children of this process, behind walls: no network, no credentials, bounded
in time, memory, output and number. `launcher` and `walls` are what runs inside the child first,
on the standard library alone; a package imported here would be imported there.
"""
