"""One reaction per file: the event says why to look, the views and the world say what to do.

Each is a frozen dataclass called with its event; it returns the facts that followed.
A handler reached twice says the same twice; `[]` means "not mine" or "stale".
"""
