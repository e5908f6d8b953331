"""Who is who: the same person under the names other systems use.

Place in the flow: filled from `people:`; `rules/approval` compares parties by these names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from processor.values.principal import Principal


@dataclass(frozen=True)
class People:
    """Maps of a foreign name to the configured person's name; unmapped names stay as they are."""

    names: frozenset[str] = frozenset()
    mlflow: Mapping[str, str] = field(default_factory=dict)
    git: Mapping[str, str] = field(default_factory=dict)

    def trainer(self, who: Principal) -> Principal:
        """Return the person behind an MLflow user; the doubt stays."""
        return Principal(self.mlflow.get(who.name, who.name), who.assurance)

    def committer(self, who: Principal) -> Principal:
        """Return the person behind a commit's name; the doubt stays."""
        return Principal(self.git.get(who.name, who.name), who.assurance)
