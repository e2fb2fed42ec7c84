"""What `punchcard bench peers` found, as markdown tables for the docs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backend.bench.engine_list import role_of
from backend.bench.markdown import markdown_table

_SUMMARY = (
    "net",
    "threads",
    "ours ms",
    "fastest dense f32 of all",
    "ratio",
    "onnxruntime",
    "sparse and lower precision",
)


def summary_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line a net and number of threads: our time, and every ratio that counts."""
    lines = []
    for row in rows:
        ratios = row["speedups"]
        sparse = [
            f"{name} {ratio:.2f}x" for name, ratio in ratios.items() if role_of(name) != "dense"
        ]
        lines.append(
            (
                row["net"] + (" (tuned)" if row["tuned"] else ""),
                str(row["threads"]),
                f"{row['punchcard_ms']:.3f}",
                f"{row['fastest_dense']} {row['fastest_dense_ms']:.3f}",
                f"{row['over_fastest_dense']:.2f}x",
                f"{ratios['onnxruntime']:.2f}x",
                ", ".join(sparse) or "-",
            )
        )
    return markdown_table(_SUMMARY, lines)


def engine_table(row: Mapping[str, Any]) -> str:
    """Every engine on one net, fastest first; wrong and missing ones say so."""
    heads = ("engine", "median ms", "p10-p90", "GFLOP/s left", "difference", "RSS MB", "version")
    lines = []
    for item in row["engines"]:
        if "median_ms" not in item:
            lines.append((item["engine"], "-", "-", "-", "-", "-", item["error"]))
            continue
        rate = 2e-6 * row["nonzero_macs"] / item["median_ms"]
        difference = f"{item['relative_difference']:.0e}"
        lines.append(
            (
                item["engine"],
                f"{item['median_ms']:.3f}",
                f"{item['p10_ms']:.3f}-{item['p90_ms']:.3f}",
                f"{rate:.0f}",
                f"{difference} (left out)" if item["is_wrong"] else difference,
                f"{item['peak_rss_bytes'] / 1e6:.0f}",
                str(item.get("version", "")),
            )
        )
    title = f"{row['net']}, {row['threads']} thread(s), peak {row['peak_gflops']:.0f} GFLOP/s"
    return f"### {title}\n\n{markdown_table(heads, lines)}"
