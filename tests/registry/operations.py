"""The sixteen things that can happen to a registry, and the exact events each one leads to.

Place in the flow: tests/registry/test_matrix.py does each of them on a real MLflow, through every
door and with us running or not; docs/registry.md prints this very table. Every operation has a
model of its own, prepared as `PREPARED` says, and another beside it that nobody touches.

A step is a method of MLflow's client with its arguments; `{m}` stands for the operation's model.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Arguments = Mapping[str, str]
Told = tuple[str, str, str | None, str | None]
"""Type, subject, old, new. A subject is `model`, `model@version`, either with `tag:<key>`, or
`model alias:<alias>`; None where there was, or is, no such thing, and where nothing has a value."""


@dataclass(frozen=True)
class Step:
    """One call."""

    method: str
    arguments: Arguments

    def on(self, model: str) -> "Step":
        """Return the same for a model."""
        said = {name: text.format(m=model) for name, text in self.arguments.items()}
        return Step(self.method, said)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One row; `beyond`: a second form of one of the sixteen.

    `told_by_old` is what is told where MLflow 2.11.3 does something else: there an alias outlives
    the version it names. The order of events counts, except among neighbours of one type: they
    happened at once.
    """

    name: str
    does: Sequence[Step]
    told: Sequence[Told]
    told_by_old: Sequence[Told] | None = None
    beyond: bool = False
    also: Sequence[Step] = field(default=())
    """What is prepared besides `PREPARED`."""

    @property
    def slug(self) -> str:
        """Return its name as part of a model's."""
        return re.sub(r"[^a-z0-9]+", "-", self.name)


def step(method: str, **arguments: str) -> Step:
    """Return a call about the operation's model."""
    return Step(method, {"name": "{m}", **arguments})


def alias(name: str, version: str) -> Step:
    """Point an alias."""
    return step("set_registered_model_alias", alias=name, version=version)


def tag(value: str, key: str = "risk", version: str = "1") -> Step:
    """Set a version's tag."""
    return step("set_model_version_tag", version=version, key=key, value=value)


def stage(name: str, version: str = "1") -> Step:
    """Move a version."""
    return step("transition_model_version_stage", version=version, stage=name)


def described(text: str, version: str = "1") -> Step:
    """Describe a version."""
    return step("update_model_version", version=version, description=text)


def made_version(name: str = "{m}") -> Step:
    """Register a version."""
    return Step("create_model_version", {"name": name, "source": "s3://models/x"})


def untagged(key: str = "risk", version: str = "1") -> Step:
    """Delete a version's tag."""
    return step("delete_model_version_tag", version=version, key=key)


def unaliased(name: str) -> Step:
    """Delete an alias."""
    return step("delete_registered_model_alias", alias=name)


def deleted(version: str = "1") -> Step:
    """Delete a version."""
    return step("delete_model_version", version=version)


PREPARED = (
    step("create_registered_model"),
    step("update_registered_model", description="as it was"),
    step("set_registered_model_tag", key="team", value="a"),
    made_version(),
    made_version(),
    described("as it was"),
    tag("low"),
    alias("champion", "1"),
    alias("challenger", "2"),
)
"""A model with two versions, and something of everything on it."""

OPERATIONS = (
    Operation(
        name="model create",
        does=[Step("create_registered_model", {"name": "{m}.made"})],
        told=[("model.created", "{m}.made", None, None)],
    ),
    Operation(
        name="model rename",
        does=[step("rename_registered_model", new_name="{m}.new")],
        told=[
            ("model.renamed", "{m}.new", "{m}", "{m}.new"),
            ("model_version.observed", "{m}.new@1", "{m}@1", None),
            ("model_version.observed", "{m}.new@2", "{m}@2", None),
        ],
    ),
    Operation(
        name="model delete",
        does=[step("delete_registered_model")],
        told=[
            ("model_version.deleted", "{m}@1", None, None),
            ("model_version.deleted", "{m}@2", None, None),
            ("alias.removed", "{m} alias:challenger", "2", None),
            ("alias.removed", "{m} alias:champion", "1", None),
            ("model.deleted", "{m}", None, None),
        ],
    ),
    Operation(
        name="model describe",
        does=[step("update_registered_model", description="better")],
        told=[("model.described", "{m}", "as it was", "better")],
    ),
    Operation(
        name="model tag set",
        does=[step("set_registered_model_tag", key="owner", value="ana")],
        told=[("model.tag_set", "{m} tag:owner", None, "ana")],
    ),
    Operation(
        name="model tag delete",
        does=[step("delete_registered_model_tag", key="team")],
        told=[("model.tag_removed", "{m} tag:team", "a", None)],
    ),
    Operation(
        name="version create",
        does=[made_version()],
        told=[("model_version.registered", "{m}@3", None, None)],
    ),
    Operation(
        name="version delete",
        does=[deleted()],
        told=[
            ("alias.removed", "{m} alias:champion", "1", None),
            ("model_version.deleted", "{m}@1", None, None),
        ],
        told_by_old=[("model_version.deleted", "{m}@1", None, None)],
    ),
    Operation(
        name="version describe",
        does=[described("better")],
        told=[("model_version.described", "{m}@1", "as it was", "better")],
    ),
    Operation(
        name="version stage",
        does=[stage("Staging")],
        told=[("model_version.stage_changed", "{m}@1", "None", "Staging")],
    ),
    Operation(
        name="version tag set",
        does=[tag("ana", key="reviewer")],
        told=[("model_version.tag_set", "{m}@1 tag:reviewer", None, "ana")],
    ),
    Operation(
        name="version tag overwrite",
        does=[tag("high")],
        told=[("model_version.tag_set", "{m}@1 tag:risk", "low", "high")],
    ),
    Operation(
        name="version tag delete",
        does=[untagged()],
        told=[("model_version.tag_removed", "{m}@1 tag:risk", "low", None)],
    ),
    Operation(
        name="alias set",
        does=[alias("shadow", "2")],
        told=[("alias.set", "{m} alias:shadow", None, "2")],
    ),
    Operation(
        name="alias move",
        does=[alias("champion", "2")],
        told=[("alias.set", "{m} alias:champion", "1", "2")],
    ),
    Operation(
        name="alias delete",
        does=[unaliased("champion")],
        told=[("alias.removed", "{m} alias:champion", "1", None)],
    ),
    Operation(
        name="version create in a new model",
        does=[Step("create_registered_model", {"name": "{m}.made"}), made_version("{m}.made")],
        told=[
            ("model.created", "{m}.made", None, None),
            ("model_version.registered", "{m}.made@1", None, None),
        ],
        beyond=True,
    ),
    Operation(
        name="model delete and create again",
        does=[
            step("delete_registered_model"),
            step("create_registered_model"),
            made_version(),
        ],
        told=[
            ("model_version.deleted", "{m}@1", None, None),
            ("model_version.deleted", "{m}@2", None, None),
            ("alias.removed", "{m} alias:challenger", "2", None),
            ("alias.removed", "{m} alias:champion", "1", None),
            ("model.deleted", "{m}", None, None),
            ("model.created", "{m}", None, None),
            ("model_version.registered", "{m}@1", None, None),
        ],
        beyond=True,
    ),
)
SIXTEEN = tuple(one for one in OPERATIONS if not one.beyond)
