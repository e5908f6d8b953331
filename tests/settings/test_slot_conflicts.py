"""One model per slot, whoever names the models."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from processor.errors import Terminal
from processor.policy.policy import Policies, Policy, PolicyTie
from processor.rules.slot_conflicts import clashes, conflict_of, slot_conflicts, tenant_of
from processor.rules.slots import dns_name, slot_of
from processor.values.promotion import Promotion
from processor.values.serving import Serving
from processor.values.version import Version, key_of, parts_of
from tests.views.world import ANA, policy


def key(model: str, workspace: str = "default") -> str:
    return key_of("main", workspace, model)


def literal(models: str, workspace: str = "default") -> Policy:
    edit = {"file": "apps/x.yaml", "object": {"name": "x"}, "set": {"spec.uri": "{uri}"}}
    written: Policy = policy(models, edits=[edit])
    return written.model_copy(update={"workspace": workspace})


def test_models_with_their_own_files_do_not_meet() -> None:
    names = [key(name) for name in ("a", "b", "../b", "A", "<script>")]
    assert list(slot_conflicts(Policies((policy(),)), names)) == []


def test_two_models_on_one_slot_are_named_and_the_first_one_met_keeps_it() -> None:
    policies = Policies((literal("fr*"),))
    assert list(slot_conflicts(policies, [key("fruit")])) == []
    (found,) = slot_conflicts(policies, [key("fruit"), key("fraud")])
    assert found.model == key("fraud")
    assert found.sentence.startswith('model "fraud" (target production) and model "fruit"')
    assert "apps/x.yaml" in found.sentence
    met = [key("fruit"), key("fraud"), key("other")]
    assert conflict_of(policies, met, key("fraud")) == found.sentence
    assert conflict_of(policies, met, key("fruit")) is None
    assert conflict_of(policies, met, key("other")) is None
    assert conflict_of(policies, [], key("new")) is None


def test_a_tie_is_told_and_a_model_without_policy_has_no_slot() -> None:
    policies = Policies((policy("fr*d"), policy("fra*")))
    assert list(slot_conflicts(policies, [key("other")])) == []
    (found,) = slot_conflicts(policies, [key("fraud")])
    assert "ruled by both" in found.sentence


def test_a_tie_is_final_for_a_handler_and_names_both_patterns() -> None:
    with pytest.raises(PolicyTie) as caught:
        Policies((policy("fraud-*"), policy("*-model"))).ruling("default", "fraud-model")
    assert isinstance(caught.value, Terminal)
    assert caught.value.patterns == ("fraud-*", "*-model")
    assert "make one of them more specific" in str(caught.value)


def test_one_model_name_in_two_workspaces_is_two_models() -> None:
    written = (literal("fraud"), literal("fraud", "other"))
    (clash,) = clashes(written)
    assert (clash.policy, clash.other) == (1, 0)
    (found,) = slot_conflicts(Policies(written), [key("fraud"), key("fraud", "other")])
    assert found.sentence.startswith('model "fraud" of workspace "other" (target production)')
    ours = (policy(), policy().model_copy(update={"workspace": "other"}))
    (found,) = slot_conflicts(Policies(ours), [key("a"), key("a", "other")])
    assert "give each a file or an object of its own" in found.sentence


def test_the_same_policy_twice_is_a_tie_and_no_clash() -> None:
    assert clashes((literal("fraud"), literal("fraud"))) == []


def test_nobody_can_take_the_digest_form_of_anothers_name() -> None:
    taken = dns_name("Fraud")
    assert dns_name(taken) != taken
    assert dns_name("fraud-deadbeef") != "fraud-deadbeef"
    for plain in ("fraud", "fraud-2024", "fraud-deadbee", "fraud-deadbeefs", "deadbeef"):
        assert dns_name(plain) == plain


def test_what_stands_in_a_slot_makes_a_tenant() -> None:
    slot = slot_of(literal("*").targets[0], "x")
    other = Version("main", "default", "fruit", "1", 1)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    one = Promotion(
        id="p",
        version=other,
        target="production",
        slot=slot,
        uri="u",
        state="proposed",
        requested_by=ANA,
        requested_at=at,
        changed_at=at,
        request_id="r",
    )
    mine = key("fraud")
    assert tenant_of([one], None, mine) == other.key
    assert tenant_of([one], None, other.key) is None
    assert tenant_of([replace(one, state="superseded", merge_sha="a")], None, mine) == other.key
    assert tenant_of([replace(one, state="bypassed")], None, mine) == other.key
    for state in ("requested", "rejected", "withdrawn"):
        assert tenant_of([replace(one, state=state)], None, mine) is None
    row = Serving(
        slot,
        mine,
        "production",
        "u",
        other,
        approved=True,
        promotion_id=None,
        since=at,
        observed_at=at,
    )
    assert tenant_of([], row, mine) == other.key
    assert tenant_of([], replace(row, version=None), mine) is None


def test_a_key_is_taken_apart_as_it_was_joined() -> None:
    assert parts_of(key("a/b %2F", "w/1")) == ("main", "w/1", "a/b %2F")
