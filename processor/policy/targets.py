"""Targets: where a model serves, who approves, what the registry should then say.

Place in the flow: propose, merge, vouch, the mark handlers and both GitOps sources read these.
"""

from datetime import timedelta
from typing import Literal

from pydantic import Field, model_validator

from processor.policy.gates import Duration
from processor.policy.model import Written


class SlotWritten(Written):
    """The repository and branch a pull request goes to."""

    forge: str
    """A name under `forges:`."""
    repository: str
    """As the forge writes it, `acme/gitops`."""
    branch: str = "main"
    """The branch the GitOps controller follows."""


class ObjectWritten(Written):
    """Which object of a file is meant."""

    kind: str = "InferenceService"
    """Kubernetes kind."""
    name: str = "{model}"
    """metadata.name; `{model}` is the model's DNS-safe name."""
    namespace: str | None = None
    """metadata.namespace, when the file holds one name twice."""


class Edit(Written):
    """The scalars a promotion changes in one file; nothing else in it moves."""

    file: str
    """Path in the repository; `{model}` is the model's DNS-safe name."""
    object: ObjectWritten = ObjectWritten()
    """The object in that file."""
    set: dict[str, str] = Field(min_length=1)
    """Path -> value; `{uri}`, `{version}`, `{model}` and `{run}` are filled in."""


_OPEN_FOR = timedelta(days=14)


class Approval(Written):
    """Whose yes a promotion to this target needs."""

    people: tuple[str, ...] = ()
    """Names under `people:`."""
    count: int = Field(default=1, ge=1)
    """How many of them; requester, trainer, registrar and committers never count."""
    merge: Literal["person", "sluice"] = "person"
    """Who presses merge once the rule holds."""
    expires: Duration = _OPEN_FOR
    """How long a proposal may stay open."""
    unknown_author: Literal["one", "two"] = "one"
    """`two`: an unknown trainer or registrar raises `count` by one."""

    @model_validator(mode="after")
    def _reachable(self) -> "Approval":
        if len(set(self.people)) < self.count:
            raise ValueError(
                f"count: {self.count} of {len(set(self.people))} people can never hold"
            )
        return self


class RolloutRule(Written):
    """When a rollout counts as done, or as failed."""

    deadline: Duration = timedelta(minutes=20)
    """From merge to serving; later is `rollout.failed`."""
    stable: Duration = timedelta(seconds=30)
    """How long the new version must answer without a break."""


class After(Written):
    """Which target a version must have served at first."""

    target: str
    """Its name in this policy."""
    soak: Duration = timedelta()
    """For how long, without a break."""


class RegistryMarks(Written):
    """What the registry should say, as `stage:<Stage>` or `alias:<name>`."""

    on_gates: tuple[str, ...] = ()
    """When the gates have passed."""
    on_merge: tuple[str, ...] = ()
    """When the promotion is approved and merged."""
    on_serving: tuple[str, ...] = ()
    """When the version is observed serving."""

    @model_validator(mode="after")
    def _known(self) -> "RegistryMarks":
        for mark in (*self.on_gates, *self.on_merge, *self.on_serving):
            kind, _, value = mark.partition(":")
            if kind == "stage" and value not in {"Staging", "Production", "Archived"}:
                raise ValueError(f"{mark!r}: stages are Staging, Production and Archived")
            if kind not in {"stage", "alias"} or not value:
                raise ValueError(f"{mark!r}: write stage:<Stage> or alias:<name>")
        return self


class Target(Written):
    """One place a model is promoted to."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    """Short name: `staging`, `production`."""
    default: bool = False
    """The target gates compare with and `sluice request` means when none is named."""
    after: After | None = None
    """The target before this one; without it only the policy's first is asked for by itself."""
    slot: SlotWritten
    """Where its pull requests go."""
    edits: tuple[Edit, ...] = Field(min_length=1)
    """What they change; the first path set to `{uri}` is the slot."""
    cluster: str
    """A name under `clusters:`."""
    approval: Approval | Literal["automatic"] = "automatic"
    """Who says yes; `automatic` merges when the gates passed."""
    rollout: RolloutRule = RolloutRule()
    """When it serves."""
    registry: RegistryMarks = RegistryMarks()
    """What the registry then says."""

    @property
    def open_for(self) -> timedelta:
        """Return how long a proposal may stay open, also where nobody is asked."""
        return _OPEN_FOR if self.approval == "automatic" else self.approval.expires

    @model_validator(mode="after")
    def _sets_the_uri(self) -> "Target":
        if not any("{uri}" in value for edit in self.edits for value in edit.set.values()):
            raise ValueError("no edit sets a path to {uri}, so nothing would change what serves")
        return self
