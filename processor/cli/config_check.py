"""`sluice config check`."""

from pydantic_core import to_jsonable_python

from processor.cli.options import DEFAULT_CONFIG, Config, Json
from processor.cli.output import tell, tell_json
from processor.settings.describe import describe
from processor.settings.load import load


def check(config: Config = DEFAULT_CONFIG, json: Json = False) -> None:  # noqa: FBT002 - a flag
    """Read the configuration and every policy; say what is in force, or all that is wrong."""
    loaded = load(config)
    if json:
        found = {
            "digest": loaded.digest,
            "settings": loaded.settings.model_dump(mode="json"),
            "policies": [policy.model_dump(mode="json") for policy in loaded.policies.all],
            "policy_files": to_jsonable_python(loaded.policy_files),
        }
        tell_json(found)
        return
    tell(*describe(loaded), f"digest    {loaded.digest}", "the configuration is good")
