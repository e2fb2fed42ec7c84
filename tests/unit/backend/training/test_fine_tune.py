from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from backend.data.errors import DataError
from backend.data.image_data import ImageData
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.prune import prune_graph
from backend.training.distillation import distillation_loss
from backend.training.errors import StoppedError, TrainingError
from backend.training.evaluate import evaluate, predict
from backend.training.fine_tune import fine_tune
from backend.training.optimiser import learning_rate
from backend.training.recipe import Distillation
from backend.training.teacher import teacher_scores
from codegen.ir.weight import Weight
from tests.fixtures.image_sets import bars, small_net


@pytest.fixture(scope="module")
def data() -> ImageData:
    return bars(900)


EVERYTHING = np.arange(600)


def test_training_learns_and_masks_hold(data: ImageData) -> None:
    candidate = Candidate.of({"middle": LayerChoice("block_punched", 3.0)})
    pruned = prune_graph(small_net(data), candidate)
    seen: list[tuple[int, int]] = []
    tuned = fine_tune(
        pruned,
        data,
        EVERYTHING,
        epochs=6,
        lr=0.1,
        mirror=False,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    before = evaluate(pruned, data.test_images, data.test_labels)
    after = evaluate(tuned, data.test_images, data.test_labels)
    assert after.accuracy > max(0.8, before.accuracy)
    weight = tuned.weights["middle.weight"]
    assert weight.mask is not None
    assert np.array_equal(weight.mask, pruned.weights["middle.weight"].mask)
    assert not weight.values[~weight.mask].any()
    assert seen[-1] == (60, 60) and seen[0] == (1, 60)


def test_same_seed_same_graph_other_seed_another(data: ImageData) -> None:
    net = small_net(data)
    part = EVERYTHING[:128]
    first, again, other = (fine_tune(net, data, part, seed=seed) for seed in (1, 1, 2))
    assert first.digest == again.digest
    assert first.digest != other.digest
    assert fine_tune(net, data, part, epochs=0) is net


def test_a_stop_is_heard_between_batches(data: ImageData) -> None:
    asked = iter([False, False, True])
    with pytest.raises(StoppedError, match="after 2 of 10 steps"):
        fine_tune(small_net(data), data, EVERYTHING, should_stop=lambda: next(asked))


def test_values_that_are_not_finite_name_the_layer(data: ImageData) -> None:
    net = small_net(data)
    broken = net.weights["wide.weight"].values.copy()
    broken[0] = np.nan
    net = net.with_weights({"wide.weight": Weight(broken)})
    with pytest.raises(TrainingError, match="at layer 'wide'"):
        fine_tune(net, data, EVERYTHING[:64])


def test_no_images_and_no_preprocessing_are_told(data: ImageData) -> None:
    net = small_net(data)
    with pytest.raises(DataError, match="no images"):
        fine_tune(net, data, EVERYTHING[:0])
    with pytest.raises(DataError, match="preprocessing"):
        evaluate(replace(net, preprocessing=None), data.test_images, data.test_labels)
    with pytest.raises(DataError, match="no images"):
        evaluate(net, data.test_images[:0], data.test_labels[:0])
    with pytest.raises(DataError, match="3 channels"):
        evaluate(net, data.test_images.repeat(3, axis=1), data.test_labels)


def test_one_image_more_than_a_batch_does_not_break_batch_norm(data: ImageData) -> None:
    tuned = fine_tune(small_net(data), data, EVERYTHING[:65], batch=64)
    assert all(np.isfinite(weight.values).all() for weight in tuned.weights.values())


def test_accuracy_is_what_the_scores_say(data: ImageData) -> None:
    net = small_net(data)
    scores = predict(net, data.test_images)
    seen = evaluate(net, data.test_images, data.test_labels)
    right = (scores.argmax(1).numpy() == data.test_labels).mean()
    assert seen.accuracy == pytest.approx(right)
    assert seen.count == len(data.test_labels)
    assert seen.standard_error == pytest.approx(np.sqrt(right * (1 - right) / seen.count))


def test_cached_teacher_scores_are_those_of_the_mirrored_images(data: ImageData) -> None:
    net = small_net(data)
    cached = teacher_scores(net, data.train_images[:20])
    taken = cached.take(torch.arange(2), torch.tensor([False, True]))
    mirrored = predict(net, data.train_images[1:2, :, :, ::-1].copy())
    assert torch.allclose(taken[1], mirrored[0], atol=0.05)
    assert torch.allclose(taken[0], cached.plain[0])


def test_distillation_is_least_where_teacher_and_labels_agree() -> None:
    teacher = torch.tensor([[4.0, 0.0, 0.0]])
    labels = torch.tensor([0])
    same = distillation_loss(teacher.clone(), labels, teacher)
    other = distillation_loss(torch.tensor([[0.0, 4.0, 0.0]]), labels, teacher)
    assert same < other
    plain = torch.nn.functional.cross_entropy(teacher, labels)
    assert same == pytest.approx(Distillation().hard_weight * float(plain), rel=1e-4)


def test_rate_warms_up_and_falls_to_nothing() -> None:
    rates = [learning_rate(step, 100, 0.02) for step in range(100)]
    assert rates[9] == pytest.approx(0.02)
    assert rates == sorted(rates[:10]) + sorted(rates[10:], reverse=True)
    assert rates[-1] < 1e-4
    assert learning_rate(0, 1, 0.02) > 0
