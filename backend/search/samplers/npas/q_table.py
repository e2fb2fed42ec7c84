"""The agent: a Q table over (layer, choice before, choice), one for each latency limit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


class QTable:
    """Q(s, a) with s = (layer depth, choice of the layer before) and a = this layer's choice.

    A choice is the triple filter type, scheme, rate (NPAS section 4.2; papers.md 1.4). An episode
    is one candidate, a row of choice numbers, layer by layer. The first layer's state is 0.

    Args:
        limits: number of tables; episodes are shared, rewards differ.
        sizes: number of choices of each layer.
    """

    def __init__(self, limits: int, sizes: Sequence[int], eta: float, gamma: float) -> None:
        self._sizes = np.asarray(sizes, dtype=np.int64)
        self._eta, self._gamma = eta, gamma
        widest = int(self._sizes.max())
        self.values: FloatArray = np.zeros((limits, len(sizes), widest, widest))
        # What a layer does not offer is never the best of it.
        offered = np.arange(widest)[None, :] < self._sizes[:, None]
        self.values[:, ~offered[:, None, :].repeat(widest, axis=1)] = -np.inf

    def learn(self, episodes: Codes, rewards: FloatArray) -> None:
        """One update from a minibatch: `Q <- (1 - eta) Q + eta (r + gamma max_a' Q(s', a'))`.

        Every step of an episode is rewarded with r_T / layers (reward shaping of BlockQNN). The
        layers are gone through from the last to the first. An entry that c episodes visit takes c
        steps towards the mean of their targets, which is what one after the other would do
        if their targets were equal, and does not depend on their order.

        Args:
            episodes: (episodes, layers).
            rewards: r_T under each limit, (limits, episodes).
        """
        count, layers = episodes.shape
        width = self.values.shape[-1]
        shaped = rewards / layers
        future = np.zeros_like(rewards)
        states = np.concatenate([np.zeros_like(episodes[:, :1]), episodes[:, :-1]], axis=1).T
        # Entries of all layers in one row each, alike ones side by side.
        rows = (np.arange(layers)[:, None] * width + states) * width + episodes.T
        order = rows.argsort(axis=1)
        arranged = np.take_along_axis(rows, order, axis=1)
        begins = np.ones(rows.shape, dtype=bool)
        begins[:, 1:] = arranged[:, 1:] != arranged[:, :-1]
        starts = begins.ravel().nonzero()[0]
        visits = np.diff(starts, append=rows.size)
        visited = arranged.ravel()[starts]
        steps = 1.0 - (1.0 - self._eta) ** visits
        bounds = np.searchsorted(starts, np.arange(layers + 1) * count).tolist()
        table = self.values.reshape(len(self.values), -1)
        for layer in range(layers - 1, -1, -1):
            here = slice(bounds[layer], bounds[layer + 1])
            targets = (shaped + self._gamma * future)[:, order[layer]]
            sums = np.add.reduceat(targets, starts[here] - layer * count, axis=1)
            old = table[:, visited[here]]
            table[:, visited[here]] = old + steps[here] * (sums / visits[here] - old)
            future = self.values[:, layer, states[layer]].max(axis=-1)

    def walk(self, limit: int, count: int, epsilon: float, random: np.random.Generator) -> Codes:
        """Episodes by the epsilon-greedy policy of one limit; ties are broken by chance.

        Returns:
            (count, layers).
        """
        layers = len(self._sizes)
        episodes = np.zeros((count, layers), dtype=np.int64)
        state = np.zeros(count, dtype=np.int64)
        for layer, size in enumerate(self._sizes):
            rows = self.values[limit, layer, state, :size]
            best = rows == rows.max(axis=1, keepdims=True)
            greedy = np.where(best, random.random(rows.shape), -1.0).argmax(axis=1)
            explore = random.random(count) < epsilon
            state = np.where(explore, random.integers(size, size=count), greedy)
            episodes[:, layer] = state
        return episodes
