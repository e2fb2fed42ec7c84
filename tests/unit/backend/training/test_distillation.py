"""Learning from a dense net: stored and live scores, values inside."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from backend.models.graph_module import GraphModule
from backend.models.zoo import build_model
from backend.training.classifier import train_classifier
from backend.training.distillation import Distilled, feature_distance, feature_pairs
from backend.training.errors import TrainingError
from backend.training.examples import Batch, LabelledImages
from backend.training.recipe import Distillation, Recipe
from backend.training.teacher import teacher_scores
from codegen.ir.graph import Graph
from tests.fixtures.image_sets import bars, small_net

DATA = bars(150)
EVERYTHING = np.arange(96)
RECIPE = Recipe(batch=32, learning_rate=0.05, precision="float32", distillation=Distillation())


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def batch_of(net: Graph, count: int = 12) -> Batch:
    examples = LabelledImages(DATA, EVERYTHING, replace(RECIPE, flip=False))
    return examples.take(torch.arange(count), torch.Generator())


def test_stages_of_a_residual_net_end_at_their_last_activation() -> None:
    net = build_model("resnet20", input_shape=(1, 28, 28), classes=10)
    pairs = feature_pairs(net, build_model("resnet20", input_shape=(1, 28, 28), classes=10))
    assert [net.type_of(name).shape for name, _ in pairs] == [
        (1, 16, 28, 28),
        (1, 32, 14, 14),
        (1, 64, 7, 7),
    ]
    for ours, theirs in pairs:
        assert ours == theirs
        assert net.by_name[ours].op == "relu"
        shape = net.type_of(ours).shape
        behind = net.nodes[net.nodes.index(net.by_name[ours]) + 1 :]
        assert all(node.type.shape[2:] != shape[2:] for node in behind)


def test_stages_that_differ_are_left_out_and_none_at_all_is_told() -> None:
    def net(width: float) -> Graph:
        return build_model("vgg_small", input_shape=(3, 32, 32), classes=10, width=width)

    with pytest.raises(TrainingError, match="no stage"):
        feature_pairs(net(1.0), net(0.5))
    other = small_net(DATA, filters=16)
    with pytest.raises(TrainingError, match="'r1' cannot be compared: \\(1, 8,"):
        feature_pairs(small_net(DATA), other, ("r1",))
    with pytest.raises(TrainingError, match="no value 'absent'"):
        feature_pairs(small_net(DATA), small_net(DATA), ("absent",))


def test_distance_is_nothing_for_equals_and_one_for_silence() -> None:
    value = torch.randn(2, 3, 4, 4)
    assert feature_distance(value, value) == 0
    assert feature_distance(torch.zeros_like(value), value) == pytest.approx(1.0)
    assert feature_distance(3 * value, value) == pytest.approx(4.0)


def test_a_live_teacher_says_what_stored_scores_say() -> None:
    net, teacher = small_net(DATA), small_net(DATA, seed=1)
    scores = teacher_scores(teacher, DATA.train_images[EVERYTHING])
    batch = batch_of(net)
    stored = replace(batch, teacher=scores.plain[:12])
    module = GraphModule(net).train()
    live = Distilled(Distillation(), teacher).loss(module, batch)
    known = Distilled(Distillation(), None).loss(GraphModule(net).train(), stored)
    assert live.item() == pytest.approx(known.item(), rel=5e-3)


def test_features_add_their_mean_distance_and_the_teacher_stays_as_it_is() -> None:
    net, teacher = small_net(DATA), small_net(DATA, seed=1)
    batch = batch_of(net)
    plain = Distilled(Distillation(), teacher).loss(GraphModule(net).eval(), batch)
    both = Distilled(Distillation(feature_weight=2.0), teacher)
    total = both.loss(GraphModule(net).eval(), batch)
    pairs = feature_pairs(net, teacher)
    assert len(pairs) == 2
    ours = GraphModule(net).eval().forward_values(batch.x, names=[a for a, _ in pairs])
    theirs = GraphModule(teacher).eval().forward_values(batch.x, names=[b for _, b in pairs])
    mean = np.mean([feature_distance(ours[a], theirs[b]).item() for a, b in pairs])
    assert (total - plain).item() == pytest.approx(2 * mean, rel=1e-4)
    total.backward()
    assert both._teacher is not None
    assert all(p.grad is None for p in both._teacher.parameters())
    assert both._teacher.to_graph().digest == teacher.digest


def test_a_teacher_with_other_features_pulls_the_student_towards_them() -> None:
    teacher = train_classifier(
        small_net(DATA, seed=1), DATA, EVERYTHING, replace(RECIPE, epochs=4, distillation=None)
    ).graph
    net, batch = small_net(DATA), batch_of(teacher, 90)

    def distance(graph: Graph) -> float:
        seen = [
            GraphModule(g).eval().forward_values(batch.x, names=["r2"])["r2"]
            for g in (graph, teacher)
        ]
        return float(feature_distance(*seen))

    recipe = replace(RECIPE, epochs=4)
    by = Distillation(feature_weight=5.0, features=("r2",))
    without = train_classifier(net, DATA, EVERYTHING, recipe, teacher=teacher).graph
    with_features = train_classifier(
        net, DATA, EVERYTHING, replace(recipe, distillation=by), teacher=teacher
    ).graph
    assert distance(with_features) < 0.7 * distance(without)


def test_shifted_images_need_the_teacher_itself() -> None:
    net = small_net(DATA)
    scores = teacher_scores(net, DATA.train_images[EVERYTHING])
    recipe = replace(RECIPE, shift=1)
    assert train_classifier(net, DATA, EVERYTHING, recipe, teacher=net).history
    with pytest.raises(TrainingError, match="give the teacher itself"):
        train_classifier(net, DATA, EVERYTHING, recipe, teacher=scores)
    with pytest.raises(TrainingError, match="no teacher"):
        train_classifier(net, DATA, EVERYTHING, recipe)
    features = replace(RECIPE, distillation=Distillation(feature_weight=1.0))
    with pytest.raises(TrainingError, match="not from its scores"):
        train_classifier(net, DATA, EVERYTHING, features, teacher=scores)
