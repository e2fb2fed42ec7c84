"""The loop against hand calculations: a step, the running mean, the rate, early stop, events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch

from backend.data.batches import Augmentation, augment, order_batches
from backend.data.errors import DataError
from backend.models.graph_module import GraphModule
from backend.training.classifier import train_classifier
from backend.training.errors import TrainingError
from backend.training.examples import Batch, LabelledImages
from backend.training.history import Progress
from backend.training.objective import CrossEntropy
from backend.training.presets import PRESETS
from backend.training.recipe import Distillation, Recipe
from backend.training.trainer import train
from codegen.ir.builder import GraphBuilder
from codegen.ir.graph import Graph
from codegen.ir.weight import Weight
from tests.fixtures.image_sets import bars, small_net

DATA = bars(150)
EVERYTHING = np.arange(96)
PLAIN = Recipe(batch=32, flip=False, warm_up=0.0, weight_decay=0.0, precision="float32")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def linear_net(classes: int = 3) -> Graph:
    b = GraphBuilder("linear", 0)
    x = b.add("flatten", b.input((1, *DATA.input_shape)), name="flat")
    return b.build(b.linear(x, classes, name="fc"), preprocessing=DATA.preprocessing)


def test_one_step_is_the_one_calculated_by_hand() -> None:
    """Softmax regression with smoothed labels, weight decay and Nesterov's 1.9 in numpy."""
    recipe = replace(PLAIN, batch=96, learning_rate=0.1, weight_decay=0.01, label_smoothing=0.3)
    net = linear_net()
    tuned = train_classifier(net, DATA, EVERYTHING, recipe).graph
    mean, std = DATA.preprocessing.mean[0], DATA.preprocessing.std[0]
    x = ((DATA.train_images[:96] / 255.0 - mean) / std).reshape(96, -1)
    w, bias = net.weights["fc.weight"].values, net.weights["fc.bias"].values
    scores = x @ w.T + bias
    p = np.exp(scores - scores.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    wanted = 0.7 * np.eye(3)[DATA.train_labels[:96]] + 0.1
    gradient = (p - wanted) / 96
    expected_w = w - 0.1 * 1.9 * (gradient.T @ x + 0.01 * w)
    expected_bias = bias - 0.1 * 1.9 * gradient.sum(0)
    assert np.allclose(tuned.weights["fc.weight"].values, expected_w, atol=2e-6)
    assert np.allclose(tuned.weights["fc.bias"].values, expected_bias, atol=2e-6)


def test_the_running_mean_forgets_the_start_in_the_first_step() -> None:
    recipe = replace(PLAIN, batch=96, learning_rate=0.1)
    net = linear_net()
    last = train_classifier(net, DATA, EVERYTHING, recipe).graph.weights["fc.weight"].values
    mean = train_classifier(net, DATA, EVERYTHING, replace(recipe, average=0.998)).graph
    start = net.weights["fc.weight"].values
    assert np.allclose(mean.weights["fc.weight"].values, start / 11 + last * 10 / 11, atol=1e-6)


class Scripted:
    """A validation that says what it is told and remembers the weights it saw."""

    def __init__(self, losses: list[float]) -> None:
        self.losses, self.seen = iter(losses), []

    def __call__(self, module: GraphModule) -> Mapping[str, float]:
        self.seen.append(module.to_graph().digest)
        return {"loss": next(self.losses)}


def trained_with(losses: list[float], patience: int) -> tuple[Scripted, object]:
    recipe = replace(PLAIN, epochs=6, patience=patience)
    examples = LabelledImages(DATA, EVERYTHING, recipe)
    validate = Scripted(losses)
    net = small_net(DATA)
    return validate, train(net, examples, recipe, objective=CrossEntropy(), validate=validate)


def test_patience_ends_the_run_and_keeps_the_best() -> None:
    validate, trained = trained_with([1.0, 0.5, 0.7, 0.6, 0.1, 0.1], patience=2)
    assert [epoch.validation["loss"] for epoch in trained.history] == [1.0, 0.5, 0.7, 0.6]
    assert trained.best_epoch == 2
    assert trained.graph.digest == validate.seen[1]


def test_without_patience_the_last_epoch_is_kept() -> None:
    validate, trained = trained_with([1.0, 0.5, 0.7, 0.6, 0.8, 0.9], patience=0)
    assert len(trained.history) == trained.best_epoch == 6
    assert trained.graph.digest == validate.seen[-1]


def test_events_tell_epoch_step_loss_rate_and_time_left() -> None:
    events: list[Progress] = []
    recipe = replace(PLAIN, epochs=2, learning_rate=0.3, warm_up=0.2)
    trained = train_classifier(
        linear_net(), DATA, EVERYTHING, recipe, validation=EVERYTHING, on_progress=events.append
    )
    steps = [at for at in events if at.ended is None]
    assert [(at.epoch, at.step) for at in steps] == [(1, 1), (1, 2), (1, 3), (2, 4), (2, 5), (2, 6)]
    assert all((at.epochs, at.steps) == (2, 6) for at in events)
    assert max(at.learning_rate for at in steps) == pytest.approx(0.3)
    assert all(at.images_per_s > 0 and at.eta_s >= 0 for at in steps)
    assert steps[-1].eta_s == 0
    assert [at.ended for at in events if at.ended is not None] == list(trained.history)
    assert trained.history[1].loss < trained.history[0].loss
    assert trained.history[1].loss == steps[-1].loss
    assert 0 <= trained.history[1].validation["accuracy"] <= 1


def test_a_small_last_batch_is_kept_or_left_out_and_the_rate_ends_with_it() -> None:
    order = torch.arange(65)
    assert [len(part) for part in order_batches(order, 32)] == [32, 32]
    assert [len(part) for part in order_batches(order, 32, least=1)] == [32, 32, 1]
    assert [len(part) for part in order_batches(order[:50], 32, least=32)] == [32]
    assert [len(part) for part in order_batches(order[:1], 32)] == [1]
    for whole_batches, steps in ((False, 4), (True, 3)):
        events: list[Progress] = []
        recipe = replace(PLAIN, batch=30, whole_batches=whole_batches)
        train_classifier(linear_net(), DATA, EVERYTHING, recipe, on_progress=events.append)
        assert events[-1].step == events[-1].steps == steps


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_every_precision_learns_with_fp32_weights(precision: str) -> None:
    recipe = replace(PLAIN, epochs=8, learning_rate=0.1, precision=precision)
    trained = train_classifier(small_net(DATA), DATA, EVERYTHING, recipe)
    assert trained.history[-1].loss < 0.8 * trained.history[0].loss
    values = trained.graph.weights["middle.weight"].values
    assert values.dtype == np.float32
    assert not np.array_equal(values, values.astype(np.float16))


def test_cutout_blackens_one_square_and_shift_moves_by_whole_pixels() -> None:
    images = torch.arange(1, 65, dtype=torch.uint8).view(1, 1, 8, 8).repeat(200, 1, 1, 1)
    generator = torch.Generator().manual_seed(0)
    cut = augment(images, Augmentation(flip=False, cutout=3), generator)
    gone = (cut == 0).flatten(1).sum(1)
    assert int(gone.max()) == 9 and 4 <= int(gone.min()) < 9  # clipped at the border
    assert torch.equal(cut[cut != 0], images[cut != 0])
    for image in cut:
        rows, columns = (image[0] == 0).nonzero(as_tuple=True)
        height, width = rows.max() - rows.min() + 1, columns.max() - columns.min() + 1
        assert height * width == (image == 0).sum()
    moved = augment(images, Augmentation(flip=False, shift=1), generator)
    padded = torch.nn.functional.pad(images[0, 0], (1,) * 4)
    whole = {
        tuple(padded[y : y + 8, x : x + 8].flatten().tolist()) for y in range(3) for x in range(3)
    }
    assert {tuple(image.flatten().tolist()) for image in moved} == whole


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"epochs": -1}, "epochs is -1"),
        ({"batch": 0}, "batch is 0; it must be 1 or more"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"warm_up": 1.0}, "warm_up"),
        ({"label_smoothing": 1.5}, "label_smoothing"),
        ({"average": -0.1}, "average"),
        ({"precision": "int8"}, "float32 or bfloat16"),
    ],
)
def test_a_wrong_recipe_is_one_sentence(wrong: dict[str, object], told: str) -> None:
    with pytest.raises(TrainingError, match=told):
        Recipe(**wrong)
    with pytest.raises(TrainingError, match="temperature"):
        Distillation(temperature=0.0)


def test_presets_are_recipes_and_an_untrained_run_gives_the_graph_back() -> None:
    assert all(isinstance(recipe, Recipe) for recipe in PRESETS.values())
    net = linear_net()
    assert train_classifier(net, DATA, EVERYTHING, Recipe(epochs=0)).graph is net


def test_patience_without_validation_and_a_net_without_weights_are_refused() -> None:
    with pytest.raises(TrainingError, match="patience needs validation"):
        train_classifier(linear_net(), DATA, EVERYTHING, Recipe(patience=1))
    b = GraphBuilder("empty", 0)
    x = b.add("global_average_pool", b.input((1, *DATA.input_shape)), name="pool")
    net = b.build(b.add("flatten", x, name="flat"), preprocessing=DATA.preprocessing)
    examples = LabelledImages(DATA, EVERYTHING, Recipe())
    with pytest.raises(TrainingError, match="no weights"):
        train(net, examples, Recipe(), objective=CrossEntropy())


class Pairs:
    """Pictures and darker ones: examples that are no labelled images."""

    def __len__(self) -> int:
        return 20

    def take(self, part: torch.Tensor, generator: torch.Generator) -> Batch:
        x = torch.randn(len(part), 1, 6, 6, generator=generator)
        return Batch(x, 0.25 * x)


class Distance:
    """Mean square error."""

    def loss(self, module: GraphModule, batch: Batch) -> torch.Tensor:
        return (module(batch.x) - batch.wanted).square().mean()


def test_any_examples_and_objective_train_with_masks_held() -> None:
    b = GraphBuilder("darken", 0)
    net = b.build(b.conv(b.input((1, 1, 6, 6)), 1, 3, name="c"))
    mask = np.zeros((1, 1, 3, 3), bool)
    mask[0, 0, 1] = True
    net = net.with_weights({"c.weight": Weight(net.weights["c.weight"].values, mask)})
    recipe = replace(PLAIN, epochs=30, batch=10, learning_rate=0.1)
    trained = train(net, Pairs(), recipe, objective=Distance())
    expected = np.zeros((1, 1, 3, 3))
    expected[0, 0, 1, 1] = 0.25
    assert np.allclose(trained.graph.weights["c.weight"].values, expected, atol=0.02)


def test_no_examples_are_refused() -> None:
    class Nothing(Pairs):
        def __len__(self) -> int:
            return 0

    b = GraphBuilder("darken", 0)
    net = b.build(b.conv(b.input((1, 1, 6, 6)), 1, 3, name="c"))
    with pytest.raises(DataError, match="no examples"):
        train(net, Nothing(), Recipe(), objective=Distance())
