"""The numbers of NPAS's searcher, each with where it comes from."""

from __future__ import annotations

from dataclasses import dataclass, replace

FEWEST_FIRST = 4


@dataclass(frozen=True)
class NpasSettings:
    """Defaults follow NPAS, and where it gives none BlockQNN (its agent) or NASBOWL (its GP).

    Attributes:
        eta: learning rate of the Q table. BlockQNN's 0.01 is meant for 10,000 episodes; over the
            first hundred it leaves an entry at a tenth of what it is worth.
        gamma: discount (BlockQNN).
        memory: episodes in the replay memory (BlockQNN); a whole round where that is more.
        minibatch: episodes replayed in one update (BlockQNN).
        epsilon: chance of a random action, first and last (NPAS); it falls in equal steps.
        anneal: finished trials until the last epsilon is reached; None: the search's budget, or
            100 in a study that has none.
        initial: finished trials before the predictor takes part (NASBOWL), at most a quarter of a
            search's budget, and 4 at least; their rewards also fix the scale of the Q table, so
            that an entry never visited is worth an average one.
        pool: candidates the predictor chooses from (NASBOWL).
        mutated: share of the pool that is mutated from the best trials (NASBOWL).
        parents: number of best trials that are mutated.
        alpha: reward lost for exceeding the latency limit by the whole dense latency. NPAS gives
            no value; 0.5: 2 % of the dense latency too much costs a point of accuracy.
        limits: latency limits as shares of the dense latency, taken in turns, where the search
            sets no limit of its own. NPAS runs once per limit; here all of them share the data.
        depth: most iterations of the Weisfeiler-Lehman labels (NASBOWL: 4, chosen by likelihood).
        jitters: shares of noise the likelihood chooses from. NASBOWL stops at 0.01; accuracies
            after short training are noisier than that.
        position: whether a node's label also tells its depth. NPAS's does not; None: only in
            studies that are no net's, where parameters have nothing in common.
        gp_trials: trials the predictor is fitted to at most: half the best, half the latest.
    """

    eta: float = 0.1
    gamma: float = 1.0
    memory: int = 128
    minibatch: int = 64
    epsilon: tuple[float, float] = (0.9, 0.1)
    anneal: int | None = None
    initial: int = 10
    pool: int = 200
    mutated: float = 0.5
    parents: int = 10
    alpha: float = 0.5
    limits: tuple[float, ...] = (0.75, 0.55, 0.4, 0.3)
    depth: int = 4
    jitters: tuple[float, ...] = (1e-3, 1e-2, 0.03, 0.1, 0.3)
    position: bool | None = None
    gp_trials: int = 256

    def within(self, budget: int) -> NpasSettings:
        """For a search of so many trials: no more first ones than it can spare."""
        return replace(self, initial=min(self.initial, max(FEWEST_FIRST, budget // 4)))
