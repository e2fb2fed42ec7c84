"""Trains a base model on a data set, for the weights shipped in `assets/weights`.

`python -m backend.training.train_base --data PATH [--model resnet20] [--seeds 0,1] [--epochs 100]
--out FILE.safetensors`. The validation images are left out of training; of several seeds the one
with the least validation loss is kept. Accuracies go into a JSON file beside the weights. Runs on a
GPU where there is one, and needs torch, numpy and safetensors alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from backend.data.batches import Augmentation, augment, normalise, shuffled_batches
from backend.data.image_data import ImageData
from backend.data.registry import open_data
from backend.data.splits import Indices, split_validation
from backend.models.graph_module import GraphModule
from backend.models.zoo import build_model
from backend.training.evaluate import Accuracy, evaluate_module
from backend.training.optimiser import learning_rate, make_optimiser, set_learning_rate
from backend.training.precision import autocast
from codegen.ir.graph import Graph
from codegen.ir.storage import save_graph


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result, beside the data."""

    model: str = "resnet20"
    seed: int = 0
    epochs: int = 100
    batch: int = 128
    rate: float = 0.1
    weight_decay: float = 5e-4
    label_smoothing: float = 0.05
    shift: int = 2
    average: float = 0.998  # of the running mean of weights, per step; 0 = off


def train(recipe: Recipe, data: ImageData, device: torch.device) -> tuple[Graph, Accuracy]:
    """Train one net; returns it with its accuracy on the validation images."""
    torch.manual_seed(recipe.seed)
    generator = torch.Generator().manual_seed(recipe.seed)
    graph = build_model(
        recipe.model,
        input_shape=data.input_shape,
        classes=len(data.classes),
        seed=recipe.seed,
        preprocessing=data.preprocessing,
    )
    graph = replace(graph, classes=data.classes)
    module = GraphModule(graph, channels_last=True).to(device)
    averaged = GraphModule(graph, channels_last=True).to(device)
    split = split_validation(data)
    images = torch.from_numpy(data.train_images[split.train_indices]).to(device)
    labels = torch.from_numpy(data.train_labels[split.train_indices]).to(device)
    optimiser = make_optimiser(module, weight_decay=recipe.weight_decay)
    steps = recipe.epochs * (len(images) // recipe.batch)
    started, step = time.monotonic(), 0
    for epoch in range(recipe.epochs):
        module.train()
        for part in shuffled_batches(len(images), recipe.batch, generator, least=recipe.batch):
            index = part.to(device)
            set_learning_rate(optimiser, learning_rate(step, steps, recipe.rate, 0.05))
            x = augment(images[index], Augmentation(shift=recipe.shift), generator)
            _step(module, optimiser, normalise(x, data.preprocessing), labels[index], recipe)
            step += 1
            _follow(averaged, module, min(recipe.average, step / (step + 10)))
        if epoch % 10 == 9 or epoch + 1 == recipe.epochs:
            seen = _validate(averaged, data, split.validation_indices)
            _say(
                f"{recipe.model} seed {recipe.seed} epoch {epoch + 1}/{recipe.epochs} "
                f"validation {seen.accuracy:.4f} loss {seen.loss:.4f} "
                f"{time.monotonic() - started:.0f} s"
            )
    return averaged.to_graph(), _validate(averaged, data, split.validation_indices)


def train_here(recipe: Recipe, data: ImageData) -> Graph:
    """As `train`, on a GPU where there is one."""
    return train(recipe, data, torch.device("cuda" if torch.cuda.is_available() else "cpu"))[0]


def main() -> None:
    """Train as the command line says, keep the best seed, report its test accuracy once."""
    options = _parser().parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.benchmark = True
    torch.set_num_threads(options.threads)
    data = open_data(options.data)
    base = Recipe(
        model=options.model,
        epochs=options.epochs,
        batch=options.batch,
        rate=options.rate,
        label_smoothing=options.label_smoothing,
        shift=options.shift,
    )
    seeds = [int(seed) for seed in options.seeds.split(",")]
    runs = []
    for seed in seeds:
        graph, validation = train(replace(base, seed=seed), data, device)
        runs.append((seed, graph, validation))
    seed, graph, validation = min(runs, key=lambda run: run[2].loss)
    best = GraphModule(graph, channels_last=True)
    scored: Callable[[nn.Module], Accuracy] = lambda net: evaluate_module(  # noqa: E731
        net, data.preprocessing, data.test_images, data.test_labels
    )
    test = scored(best.to(device))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    save_graph(graph, options.out)
    report = {
        "command": "python -m backend.training.train_base "
        f"--data PATH --model {options.model} --seeds {options.seeds} "
        f"--epochs {options.epochs} --batch {options.batch} --rate {options.rate} "
        f"--label-smoothing {options.label_smoothing} --shift {options.shift} "
        f"--out {options.out.name}",
        "data": f"{options.title or data.name}: {len(data.train_images)} training images, "
        f"{validation.count} of them left out for validation, {test.count} test images",
        "recipe": asdict(replace(base, seed=seed)),
        "torch": torch.__version__,
        "validation": asdict(validation),
        "validation_of_seeds": {str(s): asdict(v) for s, _, v in runs},
        "test": asdict(test),
        "graph_digest": graph.digest,
    }
    options.out.with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n")
    _say(f"test accuracy {test.accuracy:.4f} +- {test.standard_error:.4f}, {options.out}")


def _step(
    module: nn.Module,
    optimiser: torch.optim.Optimizer,
    x: Tensor,
    labels: Tensor,
    recipe: Recipe,
) -> None:
    with autocast(x.device):
        scores = module(x)
    loss = functional.cross_entropy(scores.float(), labels, label_smoothing=recipe.label_smoothing)
    optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    optimiser.step()


@torch.no_grad()
def _follow(averaged: nn.Module, module: nn.Module, share: float) -> None:
    """Move the running mean of all parameters and statistics by one step."""
    ours, theirs = averaged.state_dict(), module.state_dict()
    floats = [key for key, value in ours.items() if value.is_floating_point()]
    torch._foreach_lerp_([ours[k] for k in floats], [theirs[k] for k in floats], 1.0 - share)


def _validate(module: nn.Module, data: ImageData, indices: Indices) -> Accuracy:
    images, labels = data.train_images[indices], data.train_labels[indices]
    return evaluate_module(module, data.preprocessing, images, labels)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="name or path of a data set")
    parser.add_argument("--title", help="what the report calls the data set")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default=Recipe.model)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--epochs", type=int, default=Recipe.epochs)
    parser.add_argument("--batch", type=int, default=Recipe.batch)
    parser.add_argument("--rate", type=float, default=Recipe.rate)
    parser.add_argument("--label-smoothing", type=float, default=Recipe.label_smoothing)
    parser.add_argument("--shift", type=int, default=Recipe.shift)
    return parser


if __name__ == "__main__":
    main()
