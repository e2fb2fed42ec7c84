"""Where each layer of a profiled run stands beneath the machine's roof.

Williams, Waterman and Patterson (CACM 2009, "Roofline"). Two deviations: FLOPs are those of
remaining weights alone, and bytes come at the bandwidth measured for the size they are part of
(weights: all weights of the net, which pass through the caches once a run; activations: those of
the layer itself), not all from memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from backend.bench.markdown import markdown_table
from backend.bench.peak import MachinePeak

Bound = Literal["compute", "weights", "activations"]


@dataclass(frozen=True)
class LayerRoof:
    """One layer of a profiled run.

    Attributes:
        name: of the layer.
        kernel: its microkernel.
        format: how its weights are stored.
        ms: measured.
        macs: multiply-accumulates, zeros included.
        nonzero_macs: those of remaining weights, times valid outputs.
        weight_bytes: bytes of the blob that it reads.
        activation_bytes: bytes of values it reads and writes.
        gflops: reached, on remaining FLOPs.
        peak_share: of the multiply-add peak.
        intensity: remaining FLOPs a byte.
        roof_ms: the largest of the three times below which no program gets.
        bound: which of them it is.
        roof_share: `roof_ms / ms`.
    """

    name: str
    kernel: str
    format: str
    ms: float
    macs: int
    nonzero_macs: int
    weight_bytes: int
    activation_bytes: int
    gflops: float
    peak_share: float
    intensity: float
    roof_ms: float
    bound: Bound
    roof_share: float

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)


def roofline(
    layers: Sequence[Mapping[str, Any]], times_ms: Sequence[float], peak: MachinePeak
) -> list[LayerRoof]:
    """Hold each layer's time against the machine.

    Args:
        layers: of a package's manifest.
        times_ms: measured, in the same order.
        peak: of the target's vectors and as many threads as the run had.
    """
    all_weights = sum(int(layer.get("weight_bytes", 0)) for layer in layers)
    return [_roof(layer, ms, peak, all_weights) for layer, ms in zip(layers, times_ms, strict=True)]


def _roof(layer: Mapping[str, Any], ms: float, peak: MachinePeak, all_weights: int) -> LayerRoof:
    flops = 2 * int(layer["nonzero_macs"])
    weights, values = int(layer.get("weight_bytes", 0)), int(layer.get("activation_bytes", 0))
    parts: dict[Bound, float] = {
        "compute": 1e-6 * flops / peak.gflops,
        "weights": 1e-6 * weights / peak.bandwidth_gbps(all_weights),
        "activations": 1e-6 * values / peak.bandwidth_gbps(values),
    }
    bound = max(parts, key=lambda name: parts[name])
    gflops = 1e-6 * flops / ms if ms > 0 else 0.0
    return LayerRoof(
        name=layer["name"],
        kernel=layer["kernel"],
        format=layer.get("format", ""),
        ms=ms,
        macs=int(layer["macs"]),
        nonzero_macs=int(layer["nonzero_macs"]),
        weight_bytes=weights,
        activation_bytes=values,
        gflops=gflops,
        peak_share=gflops / peak.gflops,
        intensity=flops / max(1, weights + values),
        roof_ms=parts[bound],
        bound=bound,
        roof_share=parts[bound] / ms if ms > 0 else 0.0,
    )


def roofline_table(roofs: Sequence[LayerRoof], peak: MachinePeak) -> str:
    """The layers as a table for a terminal, with the sums below."""
    heads = ("layer", "ms", "MFLOP left", "w kB", "act kB", "GFLOP/s", "% peak", "bound", "% roof")
    rows = [
        (
            roof.name[:36],
            f"{roof.ms:.4f}",
            f"{2e-6 * roof.nonzero_macs:.2f}",
            f"{roof.weight_bytes / 1e3:.0f}",
            f"{roof.activation_bytes / 1e3:.0f}",
            f"{roof.gflops:.1f}",
            f"{roof.peak_share:.0%}",
            roof.bound,
            f"{roof.roof_share:.0%}",
        )
        for roof in roofs
    ]
    total_ms = sum(roof.ms for roof in roofs)
    flops = sum(2 * roof.nonzero_macs for roof in roofs)
    share = 1e-6 * flops / total_ms / peak.gflops if total_ms else 0.0
    read = ", ".join(f"{_size(size)} {rate:.0f}" for size, rate in peak.read_gbps)
    return (
        f"{markdown_table(heads, rows)}\n"
        f"sum {total_ms:.4f} ms, {1e-6 * flops:.1f} MFLOP left, {share:.0%} of "
        f"{peak.gflops:.0f} GFLOP/s ({peak.threads} thread(s), {peak.target}); "
        f"reads in GB/s by size: {read}"
    )


def _size(size: int) -> str:
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"
