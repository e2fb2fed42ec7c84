"""A model's or candidate's layers as tables and bars."""

from collections.abc import Sequence

import pandas as pd

from app.theme import Palette
from app.viewmodels.figures import Figure, Trace, layout
from backend.services.views import LayerRow, LayerView


def shape_text(shape: Sequence[int]) -> str:
    """Return a shape, e.g. `16 × 3 × 3 × 3`; empty for no shape."""
    return " × ".join(str(size) for size in shape)


def model_table(layers: Sequence[LayerRow]) -> pd.DataFrame:
    """Return a model's layers in execution order, with each layer's share of the MACs."""
    total = sum(layer.macs for layer in layers) or 1
    return pd.DataFrame(
        [
            {
                "layer": layer.name,
                "op": layer.op,
                "weights": shape_text(layer.weight_shape),
                "output": shape_text(layer.output_shape),
                "MACs (k)": layer.macs / 1e3,
                "share of MACs (%)": 100 * layer.macs / total,
                "parameters": layer.parameters,
                "can be pruned by": _schemes(layer),
            }
            for layer in layers
        ]
    )


def _schemes(layer: LayerRow) -> str:
    names = [name.replace("_", "-") for name in layer.legal_schemes if name != "dense"]
    return ", ".join(names) or "kept as it is"


def computing(layers: Sequence[LayerRow]) -> list[LayerRow]:
    """Return the nodes that do multiplications: convolutions and fully connected layers."""
    return [layer for layer in layers if layer.macs > 0]


def candidate_table(layers: Sequence[LayerView]) -> pd.DataFrame:
    """Return a candidate's layers with rate and time, dense beside pruned."""
    return pd.DataFrame(
        [
            {
                "layer": layer.name,
                "op": layer.op,
                "filter type": _filter_type(layer),
                "scheme": layer.scheme,
                "structure": layer.structure,
                "rate asked (×)": layer.rate_asked,
                "rate (×)": layer.rate,
                "MACs kept (%)": 100 * layer.nonzero_macs / layer.macs if layer.macs else None,
                "dense (ms)": layer.dense_ms,
                "now (ms)": layer.ms,
                "speed-up (×)": _speedup(layer),
                "format": layer.format,
                "tuned": layer.tuned,
                "microkernel": layer.kernel,
            }
            for layer in layers
        ]
    )


def _filter_type(layer: LayerView) -> str:
    if layer.part_of:
        return f"part of {layer.part_of}"
    return "" if layer.filter_type == "keep" else layer.filter_type


def _speedup(layer: LayerView) -> float | None:
    """Dense layer's time over that of all that stands in its place."""
    now = layer.ms if layer.total_ms is None else layer.total_ms
    return layer.dense_ms / now if layer.dense_ms and now else None


def weighted(layers: Sequence[LayerView]) -> list[LayerView]:
    """Return the layers that do multiplications: convolutions and fully connected ones."""
    return [layer for layer in layers if layer.macs > 0]


def time_bars(layers: Sequence[LayerView], colours: Palette) -> Figure:
    """Draw each layer's time (ms), dense beside pruned; the first layer on top."""
    shown = [layer for layer in layers if layer.ms is not None or layer.dense_ms is not None]
    names = [layer.name for layer in shown]
    now: Trace = {
        "type": "bar",
        "orientation": "h",
        "name": "this candidate",
        "y": names,
        "x": [layer.ms for layer in shown],
        "marker": {"color": colours.primary},
        "hovertemplate": "%{y}: %{x:.3f} ms<extra>this candidate</extra>",
    }
    dense: Trace = {
        "type": "bar",
        "orientation": "h",
        "name": "dense",
        "y": names,
        "x": [layer.dense_ms for layer in shown],
        # Hatched, so that colour is not the only difference.
        "marker": {"color": colours.dense, "pattern": {"shape": "/", "size": 5}},
        "hovertemplate": "%{y}: %{x:.3f} ms<extra>dense</extra>",
    }
    return _layer_figure([now, dense], len(shown), "time (ms)", colours)


def rate_bars(layers: Sequence[LayerView], colours: Palette) -> Figure:
    """Draw each layer's achieved rate (×); the scheme stands on the bar."""
    shown = weighted(layers)
    bars: Trace = {
        "type": "bar",
        "orientation": "h",
        "y": [layer.name for layer in shown],
        "x": [layer.rate for layer in shown],
        "marker": {"color": colours.primary},
        "text": [layer.scheme.replace("_", "-") for layer in shown],
        "textposition": "auto",
        "insidetextfont": {"color": colours.paper},
        "outsidetextfont": {"color": colours.ink},
        "hovertemplate": "%{y}: %{x:.2f}×<extra></extra>",
        "showlegend": False,
    }
    return _layer_figure([bars], len(shown), "rate (×, dense ÷ kept weights)", colours)


def _layer_figure(traces: list[Trace], rows: int, title: str, colours: Palette) -> Figure:
    frame = layout(colours, x_title=title, y_title="", height=max(240, 30 * rows + 110))
    frame["barmode"] = "group"
    frame["bargap"] = 0.25
    frame["yaxis"] = {"autorange": "reversed", "automargin": True}
    return {"data": traces, "layout": frame}
