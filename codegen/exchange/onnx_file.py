"""Opens an ONNX file and checks its limits before anything in it is believed."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from codegen.errors import ImportRefusedError
from codegen.exchange.report import shown

_MEBI = 2**20
MAX_FILE_BYTES = 2048 * _MEBI - 1
MAX_NODES = 5_000
MAX_TENSORS = 20_000
MAX_PARAMETERS = 500_000_000
MAX_EXTENT = 2**31 - 1
MAX_RANK = 8
OLDEST_OPSET = 7

_STATIC_EXPORT = "torch.onnx.export(model.eval(), torch.zeros(1, 3, 224, 224), 'model.onnx')"
_OTHER_FORMATS = {
    b"PK\x03\x04": "a ZIP archive (a PyTorch .pt file?)",
    b"\x80": "a Python pickle, which could run code and is never opened",
    b"\x89HDF": "an HDF5 file (Keras?)",
    b"version ": "a Git LFS pointer; fetch the file itself first",
    b"": "empty",
}


def read_model(source: Path | bytes) -> onnx.ModelProto:
    """Parse a file and check sizes, counts, sparse and external data, versions.

    Raises:
        ImportRefusedError: it is not ONNX, cut off, too large, or keeps data elsewhere.
    """
    data = source if isinstance(source, bytes) else _read(source)
    if len(data) > MAX_FILE_BYTES:
        msg = f"the file has {len(data) // _MEBI} MiB, the limit is {MAX_FILE_BYTES // _MEBI} MiB"
        raise ImportRefusedError(msg)
    # Protobuf writes fields by number, so a model starts with field 1, its version.
    if data[:1] != b"\x08":
        kind = next((text for magic, text in _OTHER_FORMATS.items() if _starts(data, magic)), None)
        what = f": it is {kind}" if kind else ""
        msg = f"this is not an ONNX file{what}; export one with {_STATIC_EXPORT}"
        raise ImportRefusedError(msg)
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(data)
    except DecodeError:
        msg = "this ONNX file is cut off or damaged; copy or export it again"
        raise ImportRefusedError(msg) from None
    _check_versions(model)
    check_graph(model.graph)
    return model


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            msg = f"{path.name} has {size // _MEBI} MiB, the limit is {MAX_FILE_BYTES // _MEBI} MiB"
            raise ImportRefusedError(msg)
        return path.read_bytes()
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror or error}"
        raise ImportRefusedError(msg) from None


def _starts(data: bytes, magic: bytes) -> bool:
    return data.startswith(magic) if magic else not data


def _check_versions(model: onnx.ModelProto) -> None:
    if model.ir_version < 1 or not model.HasField("graph"):
        msg = f"this is not an ONNX model: it holds no graph; export one with {_STATIC_EXPORT}"
        raise ImportRefusedError(msg)
    opset = opset_of(model)
    newest = onnx.defs.onnx_opset_version()
    if not OLDEST_OPSET <= opset <= newest:
        msg = (
            f"the model uses ONNX opset {opset}, this version reads {OLDEST_OPSET} to {newest}; "
            "export it again with opset_version=17"
        )
        raise ImportRefusedError(msg)


def opset_of(model: onnx.ModelProto) -> int:
    """Version of the standard operators; 1 where the file does not say."""
    versions = [int(row.version) for row in model.opset_import if row.domain in {"", "ai.onnx"}]
    return max(versions, default=1)


def check_graph(graph: onnx.GraphProto) -> None:
    """Check counts, shapes and places of what a graph itself holds.

    Raises:
        ImportRefusedError: there is too much, or some of it lies elsewhere.
    """
    if len(graph.node) > MAX_NODES:
        msg = f"the model has {len(graph.node)} nodes, the limit is {MAX_NODES}"
        raise ImportRefusedError(msg)
    if len(graph.sparse_initializer):
        msg = "the model stores sparse tensors, which are not read; store them dense (zeros stay)"
        raise ImportRefusedError(msg)
    tensors = list(_tensors(graph))
    if len(tensors) > MAX_TENSORS:
        msg = f"the model has {len(tensors)} tensors, the limit is {MAX_TENSORS}"
        raise ImportRefusedError(msg)
    outside = [t.name for t in tensors if t.external_data or t.data_location]
    if outside:
        msg = (
            f"the model keeps {len(outside)} tensors in other files (first {shown(outside[0])}); "
            "save it as one file: torch.onnx.export(..., external_data=False) or "
            "onnx.save(model, path, save_as_external_data=False)"
        )
        raise ImportRefusedError(msg)
    for tensor in tensors:
        if len(tensor.dims) > MAX_RANK or any(not 0 <= d <= MAX_EXTENT for d in tensor.dims):
            msg = f"tensor {shown(tensor.name)} has an impossible shape"
            raise ImportRefusedError(msg)
    total = sum(prod(tensor.dims) for tensor in tensors)
    if total > MAX_PARAMETERS:
        msg = f"the model has {total} stored values, the limit is {MAX_PARAMETERS}"
        raise ImportRefusedError(msg)


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Stored tensors of the graph itself; graphs of its nodes are checked when they are read."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
