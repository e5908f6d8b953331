"""Small things tests are about: a version, a promotion request, a policy."""

from typing import Any

from processor.events import PromotionRequested, VersionRegistered
from processor.policy.policy import Policies, Policy
from processor.values.about import About
from processor.values.principal import SLUICE, Principal
from processor.values.slot import Slot
from processor.values.version import Version

SLOT = Slot(
    "local",
    "acme/gitops",
    "main",
    "apps/production/fraud.yaml",
    "InferenceService/fraud",
    "spec.predictor.model.storageUri",
)


def a_version(number: str = "1", model: str = "fraud", created_ms: int = 1000) -> Version:
    return Version("main", "default", model, number, created_ms)


def registered(version: Version, run_id: str = "run-1", stage: str = "None") -> VersionRegistered:
    return VersionRegistered(
        head=VersionRegistered.heading(About.of(version), str(version.created_ms)),
        version=version,
        run_id=run_id,
        stage=stage,
        artifact="s3://m",
    )


def requested(
    version: Version, discriminator: str = "1", by: Principal = SLUICE
) -> PromotionRequested:
    head = PromotionRequested.heading(About.of(version, "production"), discriminator, actor=by)
    return PromotionRequested(head=head, version=version, target="production", slot=SLOT)


def a_policy(**changes: Any) -> Policy:
    written: dict[str, Any] = {
        "models": "fraud",
        "gates": [{"metric": "accuracy", "better": "higher", "at_least": 0.9}],
        "targets": [
            {
                "name": "production",
                "slot": {"forge": "local", "repository": "acme/gitops"},
                "edits": [
                    {
                        "file": "apps/production/{model}.yaml",
                        "set": {"spec.predictor.model.storageUri": "{uri}"},
                    }
                ],
                "cluster": "local",
                "approval": {"people": ["ana", "ben"], "merge": "sluice"},
                "registry": {
                    "on_gates": ["stage:Staging", "alias:challenger"],
                    "on_merge": ["stage:Production"],
                    "on_serving": ["alias:champion"],
                },
            }
        ],
    }
    return Policy.model_validate(written | changes)


def policies(*given: Policy) -> Policies:
    return Policies(given or (a_policy(),))
