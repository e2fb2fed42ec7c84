"""The agent's knowledge of a study: rewards and Q table, brought up to date from its trials."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from backend.search.samplers.npas.history import History
from backend.search.samplers.npas.q_table import QTable
from backend.search.samplers.npas.replay import GROWTH, rounds
from backend.search.samplers.npas.reward import Result, Reward
from backend.search.samplers.npas.settings import NpasSettings

FloatArray = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


class QAgent:
    """Learns from finished trials in the order in which they finished, each time the same way.

    The table after n trials follows from the seed and these trials alone: the minibatches of an
    update are drawn by its number. So an agent made anew from stored trials is the one that was
    there when the process ended.

    Args:
        make_reward: the reward, from the first results of the study.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        seed: int,
        settings: NpasSettings,
        make_reward: Callable[[Sequence[Result]], Reward],
    ) -> None:
        self._sizes, self._seed, self._settings = sizes, seed, settings
        self._make_reward = make_reward
        self._reward: Reward | None = None
        self._centre: FloatArray = np.zeros(1)
        self._unit: FloatArray = np.ones(1)
        self._learnt = 0
        self.rewards: FloatArray = np.zeros((1, 0))
        self.table = QTable(1, sizes, settings.eta, settings.gamma)

    @property
    def is_ready(self) -> bool:
        """Whether there are enough trials for rewards to have a scale."""
        return self._reward is not None

    @property
    def limits(self) -> int:
        """Number of latency limits; 1 until there is a scale."""
        return len(self.rewards)

    def learn(self, history: History) -> None:
        """Take in the trials that finished since."""
        count, first = len(history.results), self._settings.initial
        if self._reward is None:
            if count < first:
                return
            self._begin(history.results[:first])
        assert self._reward is not None
        fresh = [self._reward(result) for result in history.results[self.rewards.shape[1] :]]
        if fresh:
            self.rewards = np.concatenate([self.rewards, np.array(fresh).T], axis=1)
        codes = history.codes
        for number in rounds(first, self._learnt, count):
            random = np.random.default_rng([self._seed, number])
            begin = max(0, number - max(self._settings.memory, number // GROWTH))
            size = min(self._settings.minibatch, number - begin)
            drawn = begin + random.choice(number - begin, size=size, replace=False)
            scaled = (self.rewards[:, drawn] - self._centre[:, None]) / self._unit[:, None]
            self.table.learn(np.array([codes[i] for i in drawn]), scaled)
            self._learnt = number

    def epsilon(self, finished: int, anneal: int) -> float:
        """Share of random actions after so many trials: linear from the first to the last."""
        first, last = self._settings.epsilon
        return first + (last - first) * min(finished / max(anneal, 1), 1.0)

    def _begin(self, first: Sequence[Result]) -> None:
        self._reward = self._make_reward(first)
        rewards = np.array([self._reward(result) for result in first])
        deviation = rewards.std(axis=0)
        self._centre = rewards.mean(axis=0)
        self._unit = np.where(deviation > 0, deviation, 1.0)
        limits = rewards.shape[1]
        self.rewards = np.zeros((limits, 0))
        self.table = QTable(limits, self._sizes, self._settings.eta, self._settings.gamma)
