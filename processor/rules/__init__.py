"""Decisions: plain functions of facts.

No await, clock, I/O, randomness or logging; a contract keeps it so.
One file per answer: what changed, what a gate says, what the registry should say, who may approve.
"""
