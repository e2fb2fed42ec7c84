"""Does pruning sharpen what a net sees? Two nets and pictures in, a verdict with intervals out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from backend.enhancement.attributed_net import AttributedNet
from backend.enhancement.comparison import ComparisonRow, Paired, Verdict, compare, judge
from backend.enhancement.errors import EnhancementError
from backend.enhancement.feature_inversion import default_layer
from backend.enhancement.measurement import Labels, Measurement, measure, passes_of
from backend.enhancement.methods import CONTROL, METHODS
from backend.enhancement.picture_set import PictureSet
from backend.enhancement.settings import StudySettings
from backend.enhancement.sharpness import SHARPNESS
from codegen.ir.graph import Graph

Progress = Callable[[str, int, int], None]

FAITHFULNESS: Mapping[str, bool] = {"deletion": False, "insertion": True, "psnr_db": True}
"""Numbers that say whether what is seen is right, and whether more is better."""

STRENGTH: Mapping[str, bool] = {"strength": True}
"""Mean of a map: what makes it bright beside another, and no part of its sharpness."""

SIDES = ("dense", "pruned")


@dataclass(frozen=True, eq=False)
class Study:
    """What came out.

    Attributes:
        pictures: that were looked at.
        settings: with `layer` filled in.
        seen: measurements by method, dense then pruned; the control only where it was needed.
        top: class with the highest score of each picture under each net, two of (n,); the dense
            net's is the one that both explain.
        sharpness: rows that decide the verdict.
        faithfulness: rows that say whether the maps can be trusted, and inversions compared.
        strength: rows that say how much stronger the maps became; sharpness does not depend on it.
        verdict: on "pruning sharpens what the net sees".
        rate: dense weights divided by kept ones, over layers that have a mask or zeros.
    """

    pictures: PictureSet
    settings: StudySettings
    seen: Mapping[str, tuple[Measurement, Measurement]]
    top: tuple[Labels, Labels]
    sharpness: tuple[ComparisonRow, ...]
    faithfulness: tuple[ComparisonRow, ...]
    strength: tuple[ComparisonRow, ...]
    verdict: Verdict
    rate: float


def run_study(
    dense: Graph,
    pruned: Graph,
    pictures: PictureSet,
    settings: StudySettings | None = None,
    *,
    cache: Path | None = None,
    on_progress: Progress = lambda phase, done, total: None,
) -> Study:
    """Look into both nets with every method, score what they see and compare.

    Both nets explain the same class, the dense net's first: no label is needed.

    Args:
        dense: the net before pruning.
        pruned: after it, of the same input and classes.
        pictures: that both look at.
        settings: methods and effort.
        cache: folder of finished measurements, so that a study that was cut short goes on.
        on_progress: called with (phase, passes done, all passes); an error it raises ends the
            study.

    Raises:
        EnhancementError: the nets do not fit each other or the pictures.
    """
    settings = settings or StudySettings()
    pair = AttributedNet(dense), AttributedNet(pruned)
    _check(pair, pictures)
    if "inversion" in settings.methods and not settings.layer:
        settings = replace(settings, layer=default_layer(pair[0].graph, pair[1].graph))
    top = _top_classes(pair[0], pictures), _top_classes(pair[1], pictures)
    methods = list(settings.methods)
    if settings.faithfulness and any(METHODS[name].ranks_pixels for name in methods):
        methods.append(CONTROL)
    counts = {name: _count(name, pictures, settings) for name in methods}
    # both nets, and an image more than planned now and then
    total = 2 * sum(counts[name] * passes_of(name, settings) for name in methods)
    done = 0
    seen: dict[str, tuple[Measurement, Measurement]] = {}
    for name in methods:
        sides = []
        before = done
        for number, (side, net) in enumerate(zip(SIDES, pair, strict=True)):
            phase = f"{METHODS[name].title}, {side} net"

            def tick(passes: int, phase: str = phase) -> None:
                nonlocal done
                done += passes
                on_progress(phase, min(done, total - 1), total)

            part = slice(counts[name])
            sides.append(
                measure(
                    net,
                    name,
                    pictures.images[part],
                    top[0][part],
                    settings,
                    cache=cache,
                    tick=tick,
                )
            )
            planned = counts[name] * passes_of(name, settings)
            done = before + (number + 1) * planned
            on_progress(phase, min(done, total - 1), total)
        seen[name] = (sides[0], sides[1])
    directions = {name: score.sharper_is_higher for name, score in SHARPNESS.items()}
    sharpness, faithfulness, strength = (
        compare(_pairs(seen, group), seed=settings.seed)
        for group in (directions, FAITHFULNESS, STRENGTH)
    )
    on_progress("done", total, total)
    return Study(
        pictures,
        settings,
        seen,
        top,
        sharpness,
        faithfulness,
        strength,
        judge(sharpness),
        _rate(pruned),
    )


def _check(pair: tuple[AttributedNet, AttributedNet], pictures: PictureSet) -> None:
    dense, pruned = pair
    for what, first, second in (
        ("read pictures of", dense.input_shape, pruned.input_shape),
        ("tell classes:", dense.classes, pruned.classes),
        ("scale pixels by", dense.preprocessing, pruned.preprocessing),
    ):
        if first != second:
            msg = f"the nets do not belong together: they {what} {first} and {second}"
            raise EnhancementError(msg)
    if pictures.images.shape[1:] != dense.input_shape:
        msg = (
            f"the net reads pictures of {dense.input_shape} (channels, height, width), "
            f"{pictures.source} are {pictures.images.shape[1:]}"
        )
        raise EnhancementError(msg)


def _count(method: str, pictures: PictureSet, settings: StudySettings) -> int:
    return min(len(pictures), settings.inversions) if method == "inversion" else len(pictures)


def _top_classes(net: AttributedNet, pictures: PictureSet) -> Labels:
    parts = [
        net.scores(net.normalised(pictures.images[start : start + net.batch])).argmax(1).cpu()
        for start in range(0, len(pictures), net.batch)
    ]
    top: Labels = torch.cat(parts).numpy()
    return top


def _pairs(
    seen: Mapping[str, tuple[Measurement, Measurement]], directions: Mapping[str, bool]
) -> list[Paired]:
    return [
        Paired(method, score, dense.values[score], pruned.values[score], better_is_higher)
        for method, (dense, pruned) in seen.items()
        if method != CONTROL
        for score, better_is_higher in directions.items()
        if score in dense.values
    ]


def _rate(graph: Graph) -> float:
    """Dense ÷ kept over the weights that have a mask, or zeros; 1 where none has."""
    sizes = [
        (weight.values.size, weight.nonzeros if weight.mask is None else int(weight.mask.sum()))
        for weight in graph.weights.values()
        if weight.values.ndim > 1
    ]
    pruned = [(size, kept) for size, kept in sizes if kept < size]
    return sum(s for s, _ in pruned) / max(sum(k for _, k in pruned), 1) if pruned else 1.0
