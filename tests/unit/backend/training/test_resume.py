"""A run that was stopped or killed ends with exactly the weights of one that was not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.models.graph_module import GraphModule
from backend.training.checkpoint import load_checkpoint
from backend.training.classifier import train_classifier
from backend.training.errors import StoppedError, TrainingError
from backend.training.history import Progress, Trained
from backend.training.recipe import Distillation, Recipe
from backend.training.regulariser import Regulariser
from codegen.ir.builder import GraphBuilder
from codegen.ir.graph import Graph
from tests.fixtures.image_sets import bars, small_net

ROOT = Path(__file__).parents[4]
DATA = bars(150)
TRAINED_ON, KEPT_BACK = np.arange(70), np.arange(70, 100)
RECIPE = Recipe(
    epochs=3,
    batch=16,
    learning_rate=0.05,
    label_smoothing=0.1,
    shift=1,
    cutout=3,
    average=0.9,
    patience=3,
    seed=5,
)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def net_with_dropout() -> Graph:
    """Batch norm and dropout: statistics and torch's own random numbers are part of the state."""
    b = GraphBuilder("dropping", 0)
    x = b.input((1, *DATA.input_shape))
    x = b.add("relu", b.batch_norm(b.conv(x, 6, 3, name="c1"), name="n1"), name="r1")
    x = b.add("relu", b.batch_norm(b.conv(x, 6, 3, stride=2, name="c2"), name="n2"), name="r2")
    x = b.add("flatten", b.add("global_average_pool", x, name="pool"), name="flat")
    x = b.add("dropout", x, name="drop", probability=0.3)
    return b.build(b.linear(x, 3, name="fc"), preprocessing=DATA.preprocessing)


def run(recipe: Recipe = RECIPE, **how: object) -> Trained:
    return train_classifier(
        net_with_dropout(), DATA, TRAINED_ON, recipe, validation=KEPT_BACK, **how
    )


def stop_after(steps: int) -> object:
    left = iter(range(steps + 1))
    return lambda: next(left) == steps


@pytest.mark.parametrize("steps", [1, 4, 5, 7, 14])
def test_a_stopped_run_goes_on_to_identical_weights(tmp_path: Path, steps: int) -> None:
    part = tmp_path / "run.part"
    whole = run()
    with pytest.raises(StoppedError, match=f"after {steps} of 15 steps"):
        run(checkpoint=part, should_stop=stop_after(steps))
    resumed = run(checkpoint=part)
    assert resumed.graph.digest == whole.graph.digest
    assert resumed.history == whole.history
    assert resumed.best_epoch == whole.best_epoch
    assert run(checkpoint=part).graph.digest == whole.graph.digest  # finished: nothing is trained
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run.part"]


def test_the_scale_of_float16_gradients_is_gone_on_with(tmp_path: Path) -> None:
    recipe = replace(RECIPE, precision="float16", patience=0)
    whole = run(recipe)
    with pytest.raises(StoppedError):
        run(recipe, checkpoint=tmp_path / "p", should_stop=stop_after(7))
    assert load_checkpoint(tmp_path / "p").facts["scaler"]["scale"] > 1
    assert run(recipe, checkpoint=tmp_path / "p").graph.digest == whole.graph.digest


def test_a_run_stopped_at_every_step_ends_the_same_with_a_live_teacher(tmp_path: Path) -> None:
    recipe = replace(RECIPE, epochs=1, distillation=Distillation(feature_weight=1.0))
    teacher = net_with_dropout()
    whole = run(recipe, teacher=teacher)
    for _ in range(4):
        with pytest.raises(StoppedError):
            run(recipe, teacher=teacher, checkpoint=tmp_path / "p", should_stop=stop_after(1))
    assert (
        run(recipe, teacher=teacher, checkpoint=tmp_path / "p").graph.digest == whole.graph.digest
    )


class Pull(Regulariser):
    """Pulls the first convolution to where it was an epoch before: a dual with a state."""

    def begin(self, module: GraphModule) -> None:
        self.target = module.weight("c1.weight").detach().clone()
        self.calls = torch.zeros(1)

    def loss(self, module: GraphModule) -> torch.Tensor:
        return (module.weight("c1.weight") - self.target).square().sum()

    def after_step(self, module: GraphModule, step: int) -> None:
        self.calls += step

    def after_epoch(self, module: GraphModule, epoch: int) -> None:
        self.target = module.weight("c1.weight").detach().clone()

    def facts(self) -> dict[str, float]:
        return {"calls": float(self.calls)}

    def state(self) -> dict[str, torch.Tensor]:
        return {"target": self.target, "calls": self.calls}

    def load_state(self, state: dict[str, torch.Tensor]) -> None:
        self.target, self.calls = state["target"], state["calls"]


def test_a_regulariser_acts_and_goes_on_from_its_state(tmp_path: Path) -> None:
    whole = run(regulariser=Pull())
    assert whole.graph.digest != run().graph.digest
    assert [epoch.facts["calls"] for epoch in whole.history] == [15.0, 55.0, 120.0]
    with pytest.raises(StoppedError):
        run(regulariser=Pull(), checkpoint=tmp_path / "p", should_stop=stop_after(8))
    resumed = run(regulariser=Pull(), checkpoint=tmp_path / "p")
    assert resumed.graph.digest == whole.graph.digest
    assert resumed.history == whole.history


_CHILD = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
sys.path.insert(0, sys.argv[1])
from test_resume import run

def say(at):
    if at.ended is None:
        print(at.step, flush=True)

run(checkpoint=Path(sys.argv[2]), checkpoint_every_s=0.0, on_progress=say)
"""


def test_a_killed_run_goes_on_to_identical_weights(tmp_path: Path) -> None:
    """SIGKILL in the middle of the second epoch; this process takes the run up."""
    part = tmp_path / "run.part"
    command = [sys.executable, "-c", _CHILD, str(Path(__file__).parent), str(part)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if int(line) == 8:
                child.send_signal(signal.SIGKILL)
                break
        child.stdout.read()
    assert child.returncode == -signal.SIGKILL
    assert 7 <= load_checkpoint(part).facts["step"] < 15
    events: list[Progress] = []
    resumed = run(checkpoint=part, on_progress=events.append)
    assert events[0].step >= 8  # it did not begin anew
    assert resumed.graph.digest == run().graph.digest


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    part = tmp_path / "run.part"
    with pytest.raises(StoppedError):
        run(checkpoint=part, should_stop=stop_after(2))
    for other in (replace(RECIPE, epochs=4), replace(RECIPE, seed=6)):
        with pytest.raises(TrainingError, match="of another run"):
            run(other, checkpoint=part)
    with pytest.raises(TrainingError, match="of another run"):
        train_classifier(
            small_net(DATA), DATA, TRAINED_ON, RECIPE, validation=KEPT_BACK, checkpoint=part
        )


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_damaged_checkpoint_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    part = tmp_path / "run.part"
    part.write_bytes(content)
    with pytest.raises(TrainingError, match="not a readable checkpoint"):
        run(checkpoint=part)
    with pytest.raises(TrainingError, match="not a readable checkpoint"):
        load_checkpoint(tmp_path)
