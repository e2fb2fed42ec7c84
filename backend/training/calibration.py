"""Unlabelled images of a data set as what repair aims at."""

from __future__ import annotations

import torch

from backend.data.batches import normalise
from backend.data.image_data import Pixels
from backend.sparsity.calibration import Calibration, calibrate
from backend.training.evaluate import preprocessing_of
from codegen.ir.graph import Graph


def calibrate_on(graph: Graph, pixels: Pixels) -> Calibration:
    """Run a dense net on u8 images (n, c, h, w) and keep what repair needs.

    Raises:
        DataError: the graph stores no preprocessing, or another number of channels.
    """
    return calibrate(graph, normalise(torch.from_numpy(pixels), preprocessing_of(graph)))
