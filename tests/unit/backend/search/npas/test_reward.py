"""The reward V - alpha * max(0, t - T), of a net and of any other study."""

from __future__ import annotations

import numpy as np
import pytest

from backend.search.samplers.npas.reward import Result, Reward


def net(limit_ms: float | None = None, alpha: float = 1.0) -> Reward:
    return Reward.of_net(8.0, limit_ms, (0.75, 0.5), alpha, [])


def test_reward_is_accuracy_within_the_limit_and_less_beyond_it() -> None:
    """5 ms of dense 8 ms: within 0.75 of it, and 0.125 of the dense latency over 0.5."""
    np.testing.assert_allclose(net()(Result((-0.9, 5.0))), [0.9, 0.9 - 0.125])
    np.testing.assert_allclose(net(alpha=2.0)(Result((-0.9, 5.0))), [0.9, 0.9 - 0.25])


def test_limit_of_the_search_is_the_only_one() -> None:
    np.testing.assert_allclose(net(4.0)(Result((-0.9, 6.0))), [0.9 - 0.25])


def test_constraint_costs_by_its_usual_size_and_latency_only_once() -> None:
    first = [Result((-0.9, 5.0), {"size_bytes": s, "latency_ms": 1.0}) for s in (-100.0, 300.0)]
    reward = Reward.of_net(8.0, 4.0, (), 1.0, first)
    within = Result((-0.9, 4.0), {"size_bytes": -5.0, "latency_ms": 0.0})
    over = Result((-0.9, 4.0), {"size_bytes": 100.0, "latency_ms": 3.0})
    assert reward(within)[0] == pytest.approx(0.9)
    assert reward(over)[0] == pytest.approx(0.9 - (1.0 + 100.0 / 200.0))


def test_reward_of_any_study_does_not_depend_on_its_units() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(12, 2))
    scaled = values * [1000.0, 1e-3] + [5.0, -7.0]
    rewards = []
    for table in (values, scaled):
        results = [Result(tuple(row)) for row in table]
        reward = Reward.of_study(1.0, results[:8])
        rewards.append([reward(result) for result in results])
    np.testing.assert_allclose(rewards[0], rewards[1])
    assert np.shape(rewards[0]) == (12, 3)


def test_single_objective_has_one_reward_that_rises_as_the_objective_falls() -> None:
    results = [Result((value,)) for value in (3.0, 1.0, 2.0)]
    reward = Reward.of_study(1.0, results)
    assert np.argsort([reward(result)[0] for result in results]).tolist() == [0, 2, 1]


def test_equal_first_results_leave_a_finite_reward() -> None:
    reward = Reward.of_study(1.0, [Result((1.0, 2.0))] * 4)
    assert np.isfinite(reward(Result((1.5, 2.5)))).all()
