"""A search problem small enough to enumerate, and one with a clear best answer."""

from __future__ import annotations

from backend.config.search_file import SpaceConfig
from backend.latency.new_learner import new_learner
from backend.models.zoo import build_model
from backend.search.problem import Problem
from backend.search.space import Space, build_space
from backend.search.tables import damage_table
from backend.sparsity.candidate import Candidate
from backend.sparsity.patterns import natural_patterns
from codegen.ir.graph import Graph


def small_graph() -> Graph:
    return build_model("resnet8", input_shape=(1, 28, 28), classes=10)


def small_problem(budget: int = 24, **space: object) -> Problem:
    graph = small_graph()
    found = build_space(graph, SpaceConfig.model_validate(space))
    sets = {"natural-8": natural_patterns(graph)}
    return Problem(
        space=found,
        damage=damage_table(graph, found, sets),
        cost=new_learner(graph, found.labels).model().unary,
        budget=budget,
        dense_accuracy=0.92,
        dense_latency_ms=1.0,
    )


def truth(problem: Problem, candidate: Candidate) -> tuple[float, float]:
    """Accuracy and latency of a candidate in a world where both tables are right."""
    labels = problem.space.params(candidate)
    damage = sum(problem.damage[layer][label] for layer, label in labels.items())
    cost = sum(problem.cost[layer][label] for layer, label in labels.items())
    return 0.92 - 0.01 * damage, cost


def space_of(problem: Problem) -> Space:
    return problem.space
