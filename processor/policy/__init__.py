"""What teams write: gates, targets, approvals, one file per model or team.

Frozen pydantic models, every field documented in place; `Policies` picks the one for a model.
Nothing here reads files or knows what events are.
"""
