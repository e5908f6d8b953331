"""Everything an operator sets, documented in place; read once from `sluice.yaml`.

Settings stop at the composition root: `app` and `cli` alone import this room.
A wrong key or value is named with file, line, field and the nearest right name.
"""
