"""Pruning algorithms: one file each, one line here."""

from backend.training.algorithms.admm import Admm
from backend.training.algorithms.algorithm import Algorithm
from backend.training.algorithms.iterative import Iterative
from backend.training.algorithms.one_shot import OneShot
from codegen.errors import PlanError

__all__ = ["ALGORITHMS", "Algorithm", "algorithm_of"]

ALGORITHMS: dict[str, Algorithm] = {
    algorithm.name: algorithm for algorithm in (OneShot(), Iterative(), Admm())
}


def algorithm_of(name: str) -> Algorithm:
    """An algorithm by its name.

    Raises:
        PlanError: there is none of that name.
    """
    if name not in ALGORITHMS:
        msg = f"there is no algorithm {name!r}; take one of {', '.join(ALGORITHMS)}"
        raise PlanError(msg)
    return ALGORITHMS[name]
