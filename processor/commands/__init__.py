"""Wishes: one per file, imperative, a frozen dataclass called with who wants it.

Command line, API and page all come here; a wish is granted as an event or an effect, or refused
with the reason. Nothing here reads a request, prints, or knows who else could ask.
"""
