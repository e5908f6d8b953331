"""Every port in memory, and a clock that jumps; shipped and documented.

Each fake passes the same contract suite as the real thing (tests/contracts).
They misbehave on request: lose answers, act late, be down.
"""
