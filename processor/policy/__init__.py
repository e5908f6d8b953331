"""What teams write: gates, targets, approvals, one file per model or team.

Frozen pydantic models, every field documented in place; `Policies` picks the one for a model.
Nothing here knows where files come from or what events are.
"""
