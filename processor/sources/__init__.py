"""Look at the world, compare with the snapshot, append what changed.

A source waits and says what happened; it never acts, and no source knows another.
Each `look` is one whole pass that may be repeated or lost without harm.
"""
