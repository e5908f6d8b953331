"""Sluice: carry a model version from "training finished" to "serving", provably.

The import package is not public API; the CLI, configuration, events and HTTP are.
"""

__version__ = "0.1.0"
