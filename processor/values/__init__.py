"""Nouns that cross ports and views.

Frozen dataclasses with their own consistency and no other behaviour.
They know nothing of events, policies, products or storage.
"""
