"""The dense net that all rows of a table start from: shipped, or trained here by its recipe."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from backend.bench.accuracy.digest import digest_of
from backend.bench.accuracy.workplace import Workplace
from backend.data.splits import split_validation
from backend.models.zoo import WEIGHTS_FOLDER, build_model
from backend.training.classifier import train_classifier
from backend.training.presets import FROM_SCRATCH
from backend.training.recipe import Recipe
from codegen.ir.graph import Graph
from codegen.ir.storage import load_graph, save_graph

SHIPPED = "cifar10"
"""Shipped starts are `assets/weights/NET-cifar10.safetensors`; JSON beside them names the data."""


@dataclass(frozen=True, eq=False)
class Start:
    """A dense start.

    Attributes:
        graph: the net.
        epochs: that it was trained for.
        is_shipped: whether it comes with Punchcard.
    """

    graph: Graph
    epochs: int
    is_shipped: bool


def known_start(place: Workplace, net: str) -> Start | None:
    """The shipped start where it belongs to these very data, else one that was trained here."""
    name = f"start {net}"
    found = place.recall(name, Start) or _shipped_start(place, net) or _own_start(place, net)
    return None if found is None else place.remember(name, lambda: found)


def start_digest(place: Workplace, net: str) -> str:
    """Digest of the recipe and data that a start of one's own comes from."""
    facts = {"net": net, "recipe": asdict(start_recipe(place, net)), "data": place.data.digest}
    return digest_of(facts)


def start_recipe(place: Workplace, net: str) -> Recipe:
    """The recipe of `backend.training.train_base`, as long as the profile says."""
    profile = place.profile
    return replace(
        FROM_SCRATCH,
        epochs=profile.nets[net].start_epochs,
        batch=profile.start_batch,
        learning_rate=FROM_SCRATCH.learning_rate * profile.start_batch / FROM_SCRATCH.batch,
        shift=4,
    )


def train_start(place: Workplace, net: str) -> Start:
    """Train a start and keep it, rounded to float16 as shipped ones are.

    Raises:
        StoppedError: the workplace said so; the next call goes on there.
    """
    data, split = place.data, split_validation(place.data)
    graph = build_model(
        net,
        input_shape=data.input_shape,
        classes=len(data.classes),
        preprocessing=data.preprocessing,
    )
    checkpoint = _own_path(place, net).with_suffix(".part")
    trained = train_classifier(
        replace(graph, classes=data.classes),
        data,
        split.train_indices,
        start_recipe(place, net),
        checkpoint=checkpoint,
        on_progress=place.say_epochs(f"{net}, dense start"),
        should_stop=place.should_stop,
    )
    save_graph(trained.graph, _own_path(place, net), half=True)
    checkpoint.unlink(missing_ok=True)
    start = known_start(place, net)
    assert start is not None, net
    return start


def _shipped_start(place: Workplace, net: str) -> Start | None:
    weights = WEIGHTS_FOLDER / f"{net}-{SHIPPED}.safetensors"
    report = weights.with_suffix(".json")
    if not (weights.is_file() and report.is_file()):
        return None
    told = json.loads(report.read_text(encoding="utf-8"))
    if told.get("data_digest") != place.data.digest:
        return None
    return Start(load_graph(weights), int(told["recipe"]["epochs"]), True)


def _own_start(place: Workplace, net: str) -> Start | None:
    own = _own_path(place, net)
    if not own.is_file():
        return None
    return Start(load_graph(own), start_recipe(place, net).epochs, False)


def _own_path(place: Workplace, net: str) -> Path:
    return place.path(f"start-{net}-{start_digest(place, net)}", ".safetensors")
