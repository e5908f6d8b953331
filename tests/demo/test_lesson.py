from collections.abc import Sequence

import pytest

from processor.demo.lesson import WORDS, model_name, train
from processor.demo.scene import _EXAMPLE_MODEL

BOUND, SLACK = 0.8, 0.01  # deploy/examples/policies/screening.yaml


@pytest.fixture(scope="module", params=[0, 1, 7, 20, 4711])
def metrics(request: pytest.FixtureRequest) -> Sequence[dict[str, float]]:
    return [train(number, request.param).metrics for number in (1, 2, 3)]


def test_the_first_passes_the_bound(metrics: Sequence[dict[str, float]]) -> None:
    assert metrics[0]["accuracy"] > BOUND + 0.02


def test_the_second_is_better(metrics: Sequence[dict[str, float]]) -> None:
    assert metrics[1]["accuracy"] > metrics[0]["accuracy"]
    assert metrics[1]["log_loss"] < metrics[0]["log_loss"]


def test_the_third_is_refused_for_every_reason(metrics: Sequence[dict[str, float]]) -> None:
    assert metrics[2]["accuracy"] < BOUND
    assert metrics[2]["accuracy"] < metrics[1]["accuracy"] - SLACK
    assert metrics[2]["log_loss"] > metrics[1]["log_loss"] + SLACK


def test_seeds_tell_different_stories_and_a_seed_always_the_same() -> None:
    assert train(1, 3).metrics != train(1, 4).metrics
    assert train(2, 3).metrics == train(2, 3).metrics
    assert len({model_name(seed) for seed in range(len(WORDS))}) == len(WORDS)
    assert all(model_name(seed).startswith(f"{_EXAMPLE_MODEL}-") for seed in (-1, 0, 99))
