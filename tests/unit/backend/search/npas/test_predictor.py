"""Weisfeiler-Lehman features, Gaussian process and expected improvement against oracles."""

from __future__ import annotations

import numpy as np
import pytest
from grakel import Graph
from grakel.kernels import VertexHistogram, WeisfeilerLehman
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct, WhiteKernel

from backend.search.samplers.npas.expected_improvement import expected_improvement
from backend.search.samplers.npas.gaussian_process import GaussianProcess
from backend.search.samplers.npas.predictor import Predictor
from backend.search.samplers.npas.settings import NpasSettings
from backend.search.samplers.npas.wl_features import neighbours, wl_features
from backend.search.samplers.npas.wl_kernel import WlKernel, weightings

CHAIN = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]
RESIDUAL = [*CHAIN, (0, 3), (2, 5)]
NODES = 6


def grakel_kernel(labels: np.ndarray, edges: list[tuple[int, int]], depth: int) -> np.ndarray:
    around = dict(enumerate(neighbours(NODES, edges)))
    graphs = [Graph(around, node_labels=dict(enumerate(map(int, row)))) for row in labels]
    if depth == 0:
        return VertexHistogram().fit_transform(graphs)
    kernel = WeisfeilerLehman(n_iter=depth, base_graph_kernel=VertexHistogram)
    return kernel.fit_transform(graphs)


@pytest.mark.parametrize("edges", [CHAIN, RESIDUAL, [(0, 1)], []], ids=str)
@pytest.mark.parametrize("depth", [0, 1, 4])
def test_features_have_the_inner_products_of_grakel(
    edges: list[tuple[int, int]], depth: int
) -> None:
    labels = np.random.default_rng(depth).integers(3, size=(8, NODES))
    features = wl_features(labels, neighbours(NODES, edges), depth)
    found = sum((phi @ phi.T).toarray() for phi in features)
    np.testing.assert_array_equal(found, grakel_kernel(labels, edges, depth))


def test_kernel_weighs_each_iteration_and_is_one_on_the_diagonal() -> None:
    labels = np.random.default_rng(3).integers(3, size=(7, NODES))
    features = wl_features(labels, neighbours(NODES, RESIDUAL), 2)
    weights = (1.0, 0.3, 0.1)
    parts = [grakel_kernel(labels, RESIDUAL, depth) for depth in range(3)]
    raw = parts[0] + 0.3 * (parts[1] - parts[0]) + 0.1 * (parts[2] - parts[1])
    norms = np.sqrt(np.diag(raw))
    found = WlKernel(features, 7).matrix(weights)
    np.testing.assert_allclose(found, raw / np.outer(norms, norms))
    np.testing.assert_allclose(WlKernel(features, 3).matrix(weights), found[:, :3])


def test_weightings_hold_every_depth() -> None:
    found = weightings(3)
    assert (1.0, 0.0, 0.0, 0.0) in found and (1.0, 1.0, 1.0, 1.0) in found
    assert len(found) == len(set(found)) == 7


def sample(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(count, 3))
    return inputs, 2.0 + inputs @ [1.0, -0.5, 0.2] + 0.1 * random.normal(size=count)


def test_posterior_and_likelihood_are_those_of_scikit_learn() -> None:
    inputs, targets = sample(20)
    new = sample(9, 1)[0]
    process = GaussianProcess.fit(inputs @ inputs.T, targets, (0.05,))
    kernel = ConstantKernel(process.scale, "fixed") * (
        DotProduct(0.0, "fixed") + WhiteKernel(0.05, "fixed")
    )
    oracle = GaussianProcessRegressor(kernel, alpha=0.0, optimizer=None)
    oracle.fit(inputs, targets - targets.mean())
    assert process.log_likelihood == pytest.approx(oracle.log_marginal_likelihood_value_)
    mean, deviation = process.predict(new @ inputs.T, np.square(new).sum(axis=1))
    wanted, spread = oracle.predict(new, return_std=True)
    np.testing.assert_allclose(mean, targets.mean() + wanted)
    # The oracle's new point has noise of its own, ours has none.
    np.testing.assert_allclose(np.square(deviation) + 0.05 * process.scale, np.square(spread))


def test_scale_and_jitter_are_the_likeliest() -> None:
    inputs, targets = sample(40)
    process = GaussianProcess.fit(inputs @ inputs.T, targets, (1e-4, 1e-2, 1.0))
    assert process.jitter == 1e-2  # the noise's variance is 0.01 of the weights'
    single = GaussianProcess.fit(inputs @ inputs.T, targets, (1e-2,))
    covariance = inputs @ inputs.T + 1e-2 * np.eye(40)
    residual = targets - targets.mean()
    for factor in (0.8, 1.25):
        other = factor * single.scale * covariance
        likelihood = -0.5 * (
            residual @ np.linalg.solve(other, residual)
            + np.linalg.slogdet(other)[1]
            + 40 * np.log(2 * np.pi)
        )
        assert likelihood < single.log_likelihood


def test_equal_targets_and_equal_inputs_leave_a_finite_posterior() -> None:
    process = GaussianProcess.fit(np.ones((5, 5)), np.full(5, 0.7), (1e-3,))
    mean, deviation = process.predict(np.ones((2, 5)), np.ones(2))
    np.testing.assert_allclose(mean, 0.7)
    assert np.isfinite(deviation).all()


@settings(deadline=None, max_examples=30)
@given(st.floats(-3, 3), st.floats(1e-3, 5), st.floats(-3, 3))
def test_improvement_is_the_integral_it_stands_for(
    mean: float, deviation: float, best: float
) -> None:
    found = expected_improvement(np.array([mean]), np.array([deviation]), best)[0]
    top = max(best, mean + 12 * deviation)
    wanted, _ = quad(
        lambda f: (f - best) * norm.pdf(f, mean, deviation), best, top, limit=200,
        points=[mean] if best < mean < top else None,
    )  # fmt: skip
    assert found == pytest.approx(wanted, abs=1e-7, rel=1e-5)


def test_improvement_without_doubt_is_the_gain_itself() -> None:
    found = expected_improvement(np.array([1.0, 3.0]), np.zeros(2), 2.0)
    assert found.tolist() == [0.0, 1.0]


def test_predictor_prefers_the_candidate_that_looks_like_the_best() -> None:
    """Rewards count the layers that take choice 2; the pool has one with more of them."""
    random = np.random.default_rng(4)
    seen = random.integers(3, size=(60, NODES))
    rewards = (seen == 2).sum(axis=1).astype(float)
    pool = np.array([[0] * NODES, [2] * NODES, [1, 2, 0, 1, 2, 0]])
    labels = [np.arange(3)] * NODES
    predictor = Predictor(labels, neighbours(NODES, CHAIN), NpasSettings())
    assert predictor.improvement(seen, rewards, pool).argmax() == 1


def test_predictor_of_a_long_study_keeps_its_best_trials() -> None:
    """The only trials with choice 2 are old; without them nothing would speak for it."""
    random = np.random.default_rng(5)
    seen = random.integers(2, size=(400, NODES))
    seen[:20] = 2
    rewards = (seen == 2).sum(axis=1) + 0.1 * random.normal(size=400)
    predictor = Predictor(
        [np.arange(3)] * NODES, neighbours(NODES, CHAIN), NpasSettings(gp_trials=40)
    )
    pool = np.array([[0, 1, 0, 1, 1, 0], [2, 2, 2, 2, 2, 2]])
    assert predictor.improvement(seen, rewards, pool).argmax() == 1
