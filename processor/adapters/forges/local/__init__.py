"""Bare git repositories on this machine as a forge: no server, no account.

Proposals, statuses and comments are refs under `refs/sluice/`, so a clone of the repository is a
backup of everything said about it, and a person works on it with plain git.
"""

from processor.adapters.forges.local.forge import LocalForge
from processor.adapters.forges.local.repository import create_repository

__all__ = ["LocalForge", "create_repository"]
