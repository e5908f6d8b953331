"""One model per slot, whoever names the models."""

from processor.policy.policy import Policies
from processor.rules.slot_conflicts import slot_conflicts
from tests.views.world import policy


def literal(models: str) -> object:
    edit = {"file": "apps/x.yaml", "object": {"name": "x"}, "set": {"spec.uri": "{uri}"}}
    return policy(models, edits=[edit])


def test_models_with_their_own_files_do_not_meet() -> None:
    names = [("default", name) for name in ("a", "b", "../b", "A", "<script>")]
    assert slot_conflicts(Policies((policy(),)), names) == []


def test_two_models_on_one_slot_are_named() -> None:
    policies = Policies((literal("fr*"),))  # type: ignore[arg-type]
    assert slot_conflicts(policies, [("default", "fraud")]) == []
    (line,) = slot_conflicts(policies, [("default", "fraud"), ("default", "fruit")])
    assert 'model "fruit"' in line
    assert 'model "fraud"' in line
    assert "apps/x.yaml" in line


def test_a_tie_is_told_and_a_model_without_policy_has_no_slot() -> None:
    policies = Policies((policy("fr*d"), policy("fra*")))
    assert slot_conflicts(policies, [("default", "other")]) == []
    (line,) = slot_conflicts(policies, [("default", "fraud")])
    assert "ruled by both" in line
