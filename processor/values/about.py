"""What an event is about, and the key and subject that follow from it.

Place in the flow: whoever says an event names its subject with this; `events/event` derives
the CloudEvents `subject`, the topic key and the id from it.
"""

from dataclasses import dataclass

from processor.values.version import Version, key_of, parts_of


@dataclass(frozen=True)
class About:
    """A registry, or a model in it, or a version of it, each with or without a target."""

    registry: str
    workspace: str | None = None
    model: str | None = None
    version: Version | None = None
    target: str | None = None

    @classmethod
    def of(cls, version: Version, target: str | None = None) -> "About":
        """Return the subject of what happened to one version (at one target)."""
        return cls(version.registry, version.workspace, version.model, version, target)

    @classmethod
    def keyed(cls, key: str) -> "About":
        """Return the registry or the model a key names."""
        registry, workspace, model = (*parts_of(key), None, None)[:3]
        return cls(str(registry), workspace, model)

    @property
    def key(self) -> str:
        """Return `<registry>[/<workspace>/<model>]`, percent-encoded."""
        if self.workspace is None or self.model is None:
            return key_of(self.registry)
        return key_of(self.registry, self.workspace, self.model)

    @property
    def subject(self) -> str:
        """Return the key, then the version and the target where there are any."""
        path = self.version.path if self.version else self.key
        return f"{path}/targets/{key_of(self.target)}" if self.target else path
