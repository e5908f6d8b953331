"""What looking now and then cannot see, and what is told instead.

Place in the flow: tests/registry/test_unseen.py does each row on a real MLflow between two looks;
docs/registry.md prints this very table. MLflow keeps no history: what was undone or overwritten
before we looked is nowhere to be read.
"""

from tests.registry.operations import (
    Operation,
    Step,
    alias,
    deleted,
    described,
    made_version,
    stage,
    step,
    tag,
    unaliased,
    untagged,
)

UNSEEN = (
    Operation(
        name="a version's tag is set, then deleted",
        does=[tag("yes", key="seen"), untagged("seen")],
        told=[],
    ),
    Operation(
        name="a version's tag is overwritten, then put back",
        does=[tag("high"), tag("low")],
        told=[],
    ),
    Operation(
        name="a version's tag gets three values in turn",
        does=[tag("mid"), tag("high"), tag("highest")],
        told=[("model_version.tag_set", "{m}@1 tag:risk", "low", "highest")],
    ),
    Operation(
        name="a model's tag is set, then deleted",
        does=[
            step("set_registered_model_tag", key="owner", value="ana"),
            step("delete_registered_model_tag", key="owner"),
        ],
        told=[],
    ),
    Operation(
        name="an alias is set, then deleted",
        does=[alias("shadow", "1"), unaliased("shadow")],
        told=[],
    ),
    Operation(
        name="an alias goes from version 1 to 2 and back",
        does=[alias("champion", "2"), alias("champion", "1")],
        told=[],
    ),
    Operation(
        name="an alias passes over version 2 on its way to 3",
        also=[made_version()],
        does=[alias("champion", "2"), alias("champion", "3")],
        told=[("alias.set", "{m} alias:champion", "1", "3")],
    ),
    Operation(
        name="a stage goes to Staging and back",
        does=[stage("Staging"), stage("None")],
        told=[],
    ),
    Operation(
        name="a stage passes Staging on its way to Production",
        does=[stage("Staging"), stage("Production")],
        told=[("model_version.stage_changed", "{m}@1", "None", "Production")],
    ),
    Operation(
        name="a description is written twice",
        does=[described("better"), described("best")],
        told=[("model_version.described", "{m}@1", "as it was", "best")],
    ),
    Operation(
        name="a version is made, then deleted",
        does=[made_version(), deleted("3")],
        told=[],
    ),
    Operation(
        name="a model is made with a version, then deleted",
        does=[
            Step("create_registered_model", {"name": "{m}.made"}),
            made_version("{m}.made"),
            Step("delete_registered_model", {"name": "{m}.made"}),
        ],
        told=[],
    ),
    Operation(
        name="a model is renamed twice",
        does=[
            step("rename_registered_model", new_name="{m}.between"),
            Step("rename_registered_model", {"name": "{m}.between", "new_name": "{m}.new"}),
        ],
        told=[
            ("model.renamed", "{m}.new", "{m}", "{m}.new"),
            ("model_version.observed", "{m}.new@1", "{m}@1", None),
            ("model_version.observed", "{m}.new@2", "{m}@2", None),
        ],
    ),
    Operation(
        name="a version is staged, then deleted",
        does=[stage("Production", "2"), deleted("2")],
        told=[
            ("alias.removed", "{m} alias:challenger", "2", None),
            ("model_version.deleted", "{m}@2", None, None),
        ],
    ),
    Operation(
        name="something is set to what it is already",
        does=[tag("low"), alias("champion", "1"), stage("None"), described("as it was")],
        told=[],
    ),
)
