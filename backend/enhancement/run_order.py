"""From an order and its opened nets to everything that is kept of a study."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from backend.data.registry import open_data
from backend.enhancement.exhibit import Exhibit
from backend.enhancement.gallery import exhibits
from backend.enhancement.order import StudyOrder
from backend.enhancement.picture_set import PictureSet, drawn_pictures, user_pictures
from backend.enhancement.pruned_net import prune_pair
from backend.enhancement.report import per_picture, report_of
from backend.enhancement.study import run_study
from codegen.ir.graph import Graph

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Outcome:
    """Numbers, pictures to look at, and a row for each picture and number."""

    report: dict[str, Any]
    exhibits: tuple[Exhibit, ...]
    rows: list[dict[str, Any]]


def run_order(
    order: StudyOrder,
    dense: Graph,
    pruned: Graph | None,
    *,
    files: Sequence[tuple[str, bytes]] = (),
    cache: Path | None = None,
    on_progress: Progress = lambda phase, done, total: None,
) -> Outcome:
    """Do a study.

    Args:
        order: what was asked.
        dense: the net that `order.dense` names.
        pruned: the net that `order.pruned` names, or None to prune the dense one on the spot.
        files: a user's own pictures, (name, content); they come before the test images.
        cache: folder of finished measurements.
        on_progress: called with (phase, done, all); an error it raises ends the study.

    Raises:
        PunchcardError: nets, data and pictures do not fit together.
    """
    # a second thread only spins where the machine is shared
    torch.set_num_threads(1)
    data = open_data(order.data) if order.data else None
    if data is not None and dense.preprocessing is None:
        dense = replace(dense, preprocessing=data.preprocessing)
    if pruned is not None and pruned.preprocessing is None:
        pruned = replace(pruned, preprocessing=dense.preprocessing)
    parts: list[PictureSet] = []
    if files:
        parts.append(user_pictures(files, dense.inputs[0][1].shape[1:]))
        parts[0] = replace(parts[0], classes=dense.classes)
    if data is not None and (order.count or not files):
        parts.append(drawn_pictures(data, order.count, order.settings.seed))
    pictures = parts[0] if len(parts) == 1 else parts[0] + parts[1]
    if pruned is None:
        assert data is not None  # an order without a pruned net names data
        dense, pruned = prune_pair(dense, data, order.prune, on_progress=on_progress)
    study = run_study(dense, pruned, pictures, order.settings, cache=cache, on_progress=on_progress)
    report = report_of(study, order.dense, order.pruned_title)
    return Outcome({**report, "order": order.to_json()}, exhibits(study), per_picture(study))
