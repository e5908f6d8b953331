"""Changing the world: only the effects door holds these.

One attempt per call, no hidden retries: the door knows whether a repeat is safe.
`app.py` gives these halves to `engine/effects` and to nobody else.
"""
