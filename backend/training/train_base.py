"""Trains a base model on a data set, for the weights shipped in `assets/weights`.

`python -m backend.training.train_base --data PATH [--model resnet20] [--seeds 0,1] [--epochs 100]
[--half] --out FILE.safetensors`. The validation images are left out of training; of several seeds
the one with the least validation loss is kept. Accuracies go into a JSON file beside the weights.
A run that was killed goes on from `OUT.seed-N.part`. Runs on a GPU where there is one, and needs
torch, numpy and safetensors alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import torch

from backend.data.image_data import ImageData
from backend.data.registry import open_data
from backend.data.splits import split_validation
from backend.models.zoo import build_model
from backend.training.classifier import train_classifier
from backend.training.evaluate import Accuracy, evaluate
from backend.training.history import Progress
from backend.training.presets import FROM_SCRATCH
from backend.training.recipe import Recipe
from codegen.ir.graph import Graph
from codegen.ir.storage import load_graph, save_graph


def train_base(
    model: str, recipe: Recipe, data: ImageData, *, checkpoint: Path | None = None
) -> tuple[Graph, Accuracy]:
    """Train one net from random weights; returns it with its accuracy on the validation images."""
    graph = build_model(
        model,
        input_shape=data.input_shape,
        classes=len(data.classes),
        seed=recipe.seed,
        preprocessing=data.preprocessing,
    )
    split = split_validation(data)
    started = time.monotonic()

    def say_epoch(at: Progress) -> None:
        if at.ended is not None and (at.epoch % 10 == 0 or at.epoch == at.epochs):
            seen = at.ended.validation
            _say(
                f"{model} seed {recipe.seed} epoch {at.epoch}/{at.epochs} "
                f"validation {seen['accuracy']:.4f} loss {seen['loss']:.4f} "
                f"{time.monotonic() - started:.0f} s"
            )

    trained = train_classifier(
        replace(graph, classes=data.classes),
        data,
        split.train_indices,
        recipe,
        validation=split.validation_indices,
        checkpoint=checkpoint,
        on_progress=say_epoch,
    )
    kept_back = split.validation_indices
    seen = evaluate(trained.graph, data.train_images[kept_back], data.train_labels[kept_back])
    return trained.graph, seen


def main() -> None:
    """Train as the command line says, keep the best seed, report its test accuracy once."""
    options = _parser().parse_args()
    torch.backends.cudnn.benchmark = True
    torch.set_num_threads(options.threads)
    data = open_data(options.data)
    base = replace(
        FROM_SCRATCH,
        epochs=options.epochs,
        batch=options.batch,
        learning_rate=options.rate,
        label_smoothing=options.label_smoothing,
        shift=options.shift,
    )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    runs, parts = [], []
    for seed in (int(seed) for seed in options.seeds.split(",")):
        parts.append(options.out.with_suffix(f".seed-{seed}.part"))
        recipe = replace(base, seed=seed)
        runs.append((seed, *train_base(options.model, recipe, data, checkpoint=parts[-1])))
    seed, graph, validation = min(runs, key=lambda run: run[2].loss)
    save_graph(graph, options.out, half=options.half)
    stored = load_graph(options.out)
    test = evaluate(stored, data.test_images, data.test_labels)
    report = {
        "command": "python -m backend.training.train_base "
        f"--data PATH --model {options.model} --seeds {options.seeds} "
        f"--epochs {options.epochs} --batch {options.batch} --rate {options.rate} "
        f"--label-smoothing {options.label_smoothing} --shift {options.shift} "
        f"{'--half ' if options.half else ''}--out {options.out.name}",
        "data": f"{options.title or data.name}: {len(data.train_images)} training images, "
        f"{validation.count} of them left out for validation, {test.count} test images",
        "recipe": {"model": options.model, **asdict(replace(base, seed=seed))},
        "torch": torch.__version__,
        "validation": asdict(validation),
        "validation_of_seeds": {str(s): asdict(v) for s, _, v in runs},
        "test": asdict(test),
        "graph_digest": stored.digest,
    }
    options.out.with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n")
    for part in parts:
        part.unlink(missing_ok=True)
    _say(f"test accuracy {test.accuracy:.4f} +- {test.standard_error:.4f}, {options.out}")


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="name or path of a data set")
    parser.add_argument("--title", help="what the report calls the data set")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--half", action="store_true", help="store weights as fp16")
    parser.add_argument("--model", default="resnet20")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--epochs", type=int, default=FROM_SCRATCH.epochs)
    parser.add_argument("--batch", type=int, default=FROM_SCRATCH.batch)
    parser.add_argument("--rate", type=float, default=FROM_SCRATCH.learning_rate)
    parser.add_argument("--label-smoothing", type=float, default=FROM_SCRATCH.label_smoothing)
    parser.add_argument("--shift", type=int, default=FROM_SCRATCH.shift)
    return parser


if __name__ == "__main__":
    main()
