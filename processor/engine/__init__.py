"""Relay, ingest, worker, effects: move events, run handlers, keep promises.

Knows events, routes and ports; knows no product, no policy and no story.
What each part promises is in docs/architecture.md.
"""
