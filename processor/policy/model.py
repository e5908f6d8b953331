"""The base of everything a team writes.

Place in the flow: `settings` parses files into these; handlers and rules read them.
"""

from pydantic import BaseModel, ConfigDict


class Written(BaseModel):
    """Something written in a policy file: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
