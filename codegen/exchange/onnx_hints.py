"""What to do about operators that are not supported."""

from __future__ import annotations

_GROUPS: dict[str, tuple[str, ...]] = {
    "control flow is not supported; export a forward pass without data-dependent branches": (
        "If", "Loop", "Scan", "SequenceMap",
    ),
    "quantised models are not supported; export the float32 model": (
        "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv",
        "QLinearMatMul", "ConvInteger", "MatMulInteger",
    ),
    "recurrent layers are not supported; this compiler takes plain CNNs": (
        "LSTM", "GRU", "RNN",
    ),
    "sampling at computed places is not supported; resize by fixed sizes": (
        "GridSample", "AffineGrid", "MaxUnpool", "DeformConv", "Col2Im",
    ),
    "detection heads are not supported; export the backbone alone": (
        "NonMaxSuppression", "RoiAlign", "TopK", "MaxRoiPool",
    ),
    "attention is not supported as one operator; export its products and softmax": (
        "Attention", "FlexAttention", "Einsum", "RotaryEmbedding",
    ),
    "use batch, layer, instance or group norm instead": (
        "RMSNormalization", "LpNormalization", "MeanVarianceNormalization",
    ),
    "use relu, leaky relu, elu, gelu, silu, mish or another common activation instead": (
        "Celu", "ThresholdedRelu", "Shrink",
    ),
    "leave it out of the export; the class order stays the same": (
        "ArgMax", "ArgMin", "Hardmax",
    ),
    "choosing by computed indices is not supported; use constant indices": (
        "GatherND", "GatherElements", "ScatterND", "ScatterElements", "Scatter", "Compress",
    ),
}  # fmt: skip

_HINTS = {op: hint for hint, ops in _GROUPS.items() for op in ops}
_DEFAULT = "there is no such operation here; replace it by layers of a plain CNN"
CUSTOM_DOMAIN = "custom operators are not supported; export with standard ONNX operators"
SUBGRAPH = "it holds a graph of its own, which is not supported"
SECOND_OUTPUT = "only its first output is supported"


def hint_for(op: str) -> str:
    """What to do about an operator."""
    return _HINTS.get(op, _DEFAULT)
