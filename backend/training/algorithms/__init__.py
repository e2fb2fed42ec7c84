"""Pruning algorithms: one file each, one line here."""

from backend.training.algorithms.admm import Admm
from backend.training.algorithms.algorithm import Algorithm
from backend.training.algorithms.iterative import Iterative
from backend.training.algorithms.one_shot import OneShot

__all__ = ["ALGORITHMS", "Algorithm"]

ALGORITHMS: dict[str, Algorithm] = {
    algorithm.name: algorithm for algorithm in (OneShot(), Iterative(), Admm())
}
