"""Bad input: numbers that are none, labels out of range, memory that runs out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.data.errors import DataError
from backend.models.graph_module import GraphModule
from backend.training.checkpoint import load_checkpoint
from backend.training.classifier import train_classifier
from backend.training.errors import TrainingError
from backend.training.examples import Batch, fits_beside_training
from backend.training.fine_tune import fine_tune
from backend.training.history import Progress
from backend.training.memory import is_out_of_memory
from backend.training.objective import CrossEntropy
from backend.training.recipe import Distillation, Recipe
from backend.training.trainer import train
from codegen.errors import GraphError
from codegen.ir.builder import GraphBuilder
from codegen.ir.graph import Graph
from codegen.ir.weight import Weight
from tests.fixtures.image_sets import bars, small_net

DATA = bars(150)
EVERYTHING = np.arange(96)
RECIPE = Recipe(batch=32, learning_rate=0.05)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def net_without_batch_norm() -> Graph:
    b = GraphBuilder("plain", 0)
    x = b.add("relu", b.conv(b.input((1, *DATA.input_shape)), 6, 3, name="c1"), name="r1")
    x = b.add("flatten", b.add("global_average_pool", x, name="pool"), name="flat")
    return b.build(b.linear(x, 3, name="fc"), preprocessing=DATA.preprocessing)


@pytest.mark.parametrize(
    ("key", "layer"), [("middle.weight", "middle"), ("n2.running_var", "n2"), ("fc.bias", "fc")]
)
@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_told_before_the_start(
    key: str, layer: str, wrong: float
) -> None:
    net = small_net(DATA)
    values = net.weights[key].values.copy()
    values.flat[0] = wrong
    steps: list[Progress] = []
    with pytest.raises(TrainingError, match=f"at layer '{layer}'.*'{key}' holds NaN"):
        train_classifier(
            net.with_weights({key: Weight(values)}),
            DATA,
            EVERYTHING,
            RECIPE,
            on_progress=steps.append,
        )
    assert not steps


def test_a_run_that_diverges_names_the_layer_and_leaves_the_last_good_checkpoint(
    tmp_path: Path,
) -> None:
    part = tmp_path / "run.part"
    recipe = replace(RECIPE, epochs=20, learning_rate=1e18, warm_up=0.0)
    with pytest.raises(TrainingError, match="at layer '.*lower learning rate") as told:
        train_classifier(
            small_net(DATA), DATA, EVERYTHING, recipe, checkpoint=part, checkpoint_every_s=0.0
        )
    assert any(f"'{node.name}'" in str(told.value) for node in small_net(DATA).nodes)
    kept = load_checkpoint(part)
    assert kept.facts["step"] >= 1
    assert all(bool(value.isfinite().all()) for value in kept.group("weights").values())


class Images:
    """Pictures and labels as a stranger gives them."""

    def __init__(self, value: float = 0.0, label: int = 0) -> None:
        self._value, self._label = value, label

    def __len__(self) -> int:
        return 8

    def take(self, part: torch.Tensor, generator: torch.Generator) -> Batch:
        x = torch.full((len(part), *DATA.input_shape), self._value)
        return Batch(x, torch.full((len(part),), self._label))


def test_an_example_that_is_no_number_is_told_as_such() -> None:
    with pytest.raises(TrainingError, match="an example holds NaN"):
        train(small_net(DATA), Images(np.nan), RECIPE, objective=CrossEntropy())


@pytest.mark.parametrize("label", [-1, 3])
def test_labels_without_a_score_are_refused(label: int) -> None:
    with pytest.raises(DataError, match=f"label {label}, but the model has 3 classes"):
        train(small_net(DATA), Images(label=label), RECIPE, objective=CrossEntropy())


def test_labels_of_a_data_set_are_checked_before_the_first_step() -> None:
    b = GraphBuilder("two", 0)
    x = b.add("flatten", b.input((1, *DATA.input_shape)), name="flat")
    net = b.build(b.linear(x, 2, name="fc"), preprocessing=DATA.preprocessing)
    for by in (None, Distillation()):
        with pytest.raises(DataError, match="label 2, but the model has 2 classes"):
            train_classifier(net, DATA, EVERYTHING, replace(RECIPE, distillation=by), teacher=net)


def test_a_mask_of_the_wrong_shape_is_refused() -> None:
    values = small_net(DATA).weights["middle.weight"].values
    with pytest.raises(GraphError, match="mask has shape"):
        Weight(values, np.ones(values.shape[:2], bool))


def allow(most: int, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> list[int]:
    """Let a real net's pass fail above so many images; returns the sizes that were asked for."""
    asked: list[int] = []
    run = GraphModule.forward_values

    def limited(self: GraphModule, *inputs: torch.Tensor, names: object) -> object:
        asked.append(len(inputs[0]))
        values = run(self, *inputs, names=names)
        if len(inputs[0]) > most:
            raise error
        return values

    monkeypatch.setattr(GraphModule, "forward_values", limited)
    return asked


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
    ],
    ids=["python", "cuda", "cpu"],
)
def test_memory_that_runs_out_halves_the_batch_and_keeps_the_gradients(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(RECIPE, epochs=2, precision="float32")
    net = net_without_batch_norm()
    whole = train_classifier(net, DATA, EVERYTHING, recipe)
    asked = allow(10, monkeypatch, error)
    events: list[Progress] = []
    halved = train_classifier(net, DATA, EVERYTHING, recipe, on_progress=events.append)
    assert asked[:6] == [32, 16, 8, 8, 8, 8] and set(asked[6:]) == {8}
    assert [at.step for at in events if at.ended is None] == [1, 2, 3, 4, 5, 6]
    assert "8 examples are taken at once" in events[0].note
    assert not any(at.note for at in events[1:])
    assert len(halved.notes) == 2
    for key, weight in whole.graph.weights.items():
        assert np.allclose(halved.graph.weights[key].values, weight.values, atol=1e-6), key
    assert halved.history[1].loss == pytest.approx(whole.history[1].loss, rel=1e-5)


def test_a_halved_batch_stays_halved_after_a_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = allow(16, monkeypatch, MemoryError())
    train_classifier(small_net(DATA), DATA, EVERYTHING, RECIPE, checkpoint=tmp_path / "p")
    assert load_checkpoint(tmp_path / "p").facts["at_once"] == 16
    assert asked.count(32) == 1


def test_memory_for_less_than_two_examples_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    allow(1, monkeypatch, MemoryError())
    with pytest.raises(TrainingError, match="not enough memory to train with 2 examples"):
        train_classifier(small_net(DATA), DATA, EVERYTHING, RECIPE)


def test_memory_that_fails_outside_the_batch_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch.optim.SGD, "step", fail)
    with pytest.raises(TrainingError, match="memory to train 'small', whatever the batch"):
        train_classifier(small_net(DATA), DATA, EVERYTHING, RECIPE)


def test_fine_tuning_warns_where_memory_ran_out(monkeypatch: pytest.MonkeyPatch) -> None:
    allow(16, monkeypatch, MemoryError())
    with pytest.warns(UserWarning, match="16 examples are taken at once"):
        fine_tune(small_net(DATA), DATA, EVERYTHING, batch=32)


def test_images_that_leave_no_room_on_a_gpu_stay_on_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = torch.zeros(100, 1, 10, 10, dtype=torch.uint8)
    for free, fits in ((20_000, True), (19_999, False)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _, free=free: (free, 1 << 40))
        assert fits_beside_training(images, torch.device("cuda")) is fits
    assert fits_beside_training(images, torch.device("cpu"))


def test_a_checkpoint_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match="cannot be written"):
        train_classifier(
            small_net(DATA), DATA, EVERYTHING, RECIPE, checkpoint=tmp_path / "file" / "run.part"
        )


def test_a_real_failed_allocation_is_known_as_one_and_other_errors_are_not() -> None:
    with pytest.raises(RuntimeError) as told:
        torch.empty(1 << 50)
    assert is_out_of_memory(told.value)
    with pytest.raises(RuntimeError) as other:
        torch.ones(2) @ torch.ones(3)
    assert not is_out_of_memory(other.value)
    assert not is_out_of_memory(ValueError("out of memory"))
