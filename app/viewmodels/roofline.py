"""A candidate's layers beneath the machine's roof, as a figure and as a table."""

import math
from collections.abc import Sequence

import pandas as pd

from app.theme import Palette
from app.viewmodels.figures import Figure, Trace, layout
from backend.services.views import LayerView, PeakView

_BOUND_MARKS = {"compute": "circle", "weights": "square", "activations": "diamond"}


def beneath_roof(layers: Sequence[LayerView]) -> list[LayerView]:
    """Return the layers that do multiplications and whose time is known."""
    return [layer for layer in layers if layer.gflops and layer.intensity]


def roofline_rows(layers: Sequence[LayerView]) -> pd.DataFrame:
    """Return time, work, bytes and share of peak of each layer."""
    return pd.DataFrame(
        [
            {
                "layer": layer.name,
                "format": layer.format,
                "time (ms)": layer.ms,
                "MFLOP left": 2e-6 * layer.nonzero_macs,
                "weights (kB)": layer.weight_bytes / 1e3,
                "values (kB)": layer.activation_bytes / 1e3,
                "GFLOP/s": layer.gflops,
                "share of peak (%)": None if layer.peak_share is None else 100 * layer.peak_share,
                "bound by": layer.bound,
                "microkernel": layer.kernel,
            }
            for layer in layers
        ]
    )


def roofline_figure(layers: Sequence[LayerView], peak: PeakView, colours: Palette) -> Figure:
    """Draw GFLOP/s over remaining FLOPs a byte, both logarithmic, with the roof above.

    Each bandwidth that was measured gives a slope; the mark tells what bounds a layer.
    """
    intensities = [layer.intensity or 1.0 for layer in layers]
    low, high = min(intensities) / 2, max([*intensities, _ridge(peak)]) * 2
    traces = [_roof(size, rate, peak, low, high, colours) for size, rate in peak.read_gbps]
    for bound, mark in _BOUND_MARKS.items():
        shown = [layer for layer in layers if layer.bound == bound]
        if shown:
            traces.append(_points(shown, bound, mark, colours))
    frame = layout(colours, x_title="remaining FLOPs a byte", y_title="GFLOP/s", height=420)
    lowest = min(layer.gflops or 1.0 for layer in layers)
    frame["xaxis"] |= {"type": "log", "range": [math.log10(low), math.log10(high)]}
    frame["yaxis"] |= {
        "type": "log",
        "range": [math.log10(lowest / 2), math.log10(peak.gflops * 1.6)],
    }
    return {"data": traces, "layout": frame}


def _ridge(peak: PeakView) -> float:
    """FLOPs a byte from which on the slowest memory no longer bounds."""
    return peak.gflops / min(rate for _, rate in peak.read_gbps)


def _roof(
    size: int, rate: float, peak: PeakView, low: float, high: float, colours: Palette
) -> Trace:
    corner = min(max(peak.gflops / rate, low), high)
    name = f"{_size(size)} at {rate:.0f} GB/s"
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": [low, corner, high],
        "y": [min(peak.gflops, low * rate), min(peak.gflops, corner * rate), peak.gflops],
        "line": {"color": colours.muted, "width": 1.2, "dash": "dot"},
        "hovertemplate": f"{name}<extra>read bandwidth</extra>",
        "showlegend": False,
    }


def _points(layers: Sequence[LayerView], bound: str, mark: str, colours: Palette) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": f"bound by {bound}",
        "x": [layer.intensity for layer in layers],
        "y": [layer.gflops for layer in layers],
        "text": [layer.name for layer in layers],
        "customdata": [100 * (layer.peak_share or 0.0) for layer in layers],
        "marker": {"symbol": mark, "size": 9, "color": colours.primary},
        "hovertemplate": "%{text}: %{y:.1f} GFLOP/s, %{customdata:.0f} % of peak, "
        "%{x:.1f} FLOPs a byte<extra></extra>",
    }


def _size(size: int) -> str:
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"
