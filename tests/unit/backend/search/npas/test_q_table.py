"""The Q table: the paper's update by hand, shaped rewards, epsilon-greedy walks, replay."""

from __future__ import annotations

import numpy as np
import pytest

from backend.search.samplers.npas.q_table import QTable
from backend.search.samplers.npas.replay import rounds


def test_one_episode_updates_as_worked_out_by_hand() -> None:
    """Two layers, eta 0.5, gamma 0.9, r_T = 1, so each step earns 0.5.

    Layer 2: Q = 0.5 * 0 + 0.5 * 0.5 = 0.25.
    Layer 1: Q = 0.5 * 0 + 0.5 * (0.5 + 0.9 * max(0.25, 0)) = 0.3625.
    """
    table = QTable(limits=1, sizes=[2, 2], eta=0.5, gamma=0.9)
    table.learn(np.array([[1, 0]]), np.array([[1.0]]))
    assert table.values[0, 1, 1, 0] == pytest.approx(0.25)
    assert table.values[0, 0, 0, 1] == pytest.approx(0.3625)
    assert np.count_nonzero(table.values) == 2


def test_visits_of_one_minibatch_count_one_after_the_other() -> None:
    together = QTable(1, [3], eta=0.1, gamma=1.0)
    together.learn(np.array([[2], [2], [1]]), np.array([[1.0, 1.0, -1.0]]))
    apart = QTable(1, [3], eta=0.1, gamma=1.0)
    for action, reward in ((2, 1.0), (2, 1.0), (1, -1.0)):
        apart.learn(np.array([[action]]), np.array([[reward]]))
    np.testing.assert_allclose(together.values, apart.values)


def test_order_within_a_minibatch_does_not_matter() -> None:
    random = np.random.default_rng(0)
    episodes, rewards = random.integers(3, size=(20, 4)), random.normal(size=(2, 20))
    order = random.permutation(20)
    one, other = (QTable(2, [3] * 4, 0.2, 1.0) for _ in range(2))
    one.learn(episodes, rewards)
    other.learn(episodes[order], rewards[:, order])
    np.testing.assert_allclose(one.values, other.values)


def test_shaped_rewards_add_up_to_the_reward_of_the_episode() -> None:
    """With gamma 1 the value of the start converges to r_T of the only episode."""
    table = QTable(1, [2, 2, 2], eta=0.5, gamma=1.0)
    for _ in range(200):
        table.learn(np.array([[1, 1, 1]]), np.array([[3.0]]))
    assert table.values[0, 0, 0, 1] == pytest.approx(3.0)


def test_limits_learn_from_the_same_episode_what_it_is_worth_to_each() -> None:
    table = QTable(2, [2], eta=1.0, gamma=1.0)
    table.learn(np.array([[1]]), np.array([[0.5], [-0.5]]))
    assert table.values[:, 0, 0, 1].tolist() == [0.5, -0.5]
    random = np.random.default_rng(0)
    assert (table.walk(0, 50, 0.0, random) == 1).all()
    assert (table.walk(1, 50, 0.0, random) == 0).all()


def test_walks_stay_in_menus_of_different_sizes_and_explore_by_epsilon() -> None:
    table = QTable(1, [2, 5, 3], eta=1.0, gamma=1.0)
    table.learn(np.array([[1, 4, 2]]), np.array([[1.0]]))
    random = np.random.default_rng(1)
    greedy, wild = table.walk(0, 400, 0.0, random), table.walk(0, 4000, 1.0, random)
    assert (greedy == [1, 4, 2]).all()
    assert wild.max(axis=0).tolist() == [1, 4, 2]
    for layer, size in enumerate((2, 5, 3)):
        counts = np.bincount(wild[:, layer], minlength=size)
        np.testing.assert_allclose(counts / 4000, 1 / size, atol=0.03)
    mixed = table.walk(0, 4000, 0.5, random)
    assert (mixed[:, 0] == 1).mean() == pytest.approx(0.75, abs=0.03)


def test_equal_values_are_told_apart_by_chance() -> None:
    walks = QTable(1, [4], 0.1, 1.0).walk(0, 4000, 0.0, np.random.default_rng(2))
    np.testing.assert_allclose(np.bincount(walks[:, 0]) / 4000, 0.25, atol=0.03)


def test_replay_follows_every_trial_at_first_and_grows_with_the_study() -> None:
    everything = list(rounds(10, 0, 10_000))
    assert everything[:3] == [10, 11, 12]
    assert list(rounds(10, 0, 200)) + list(rounds(10, 200, 10_000)) == everything
    assert len(everything) < 240
    assert max(np.diff(everything)) <= 312
