"""What every part of the settings tree is.

Place in the flow: `settings/tree` and the sections it is made of build on it.
"""

from pydantic import BaseModel, ConfigDict


class Setting(BaseModel):
    """A part of the tree: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
