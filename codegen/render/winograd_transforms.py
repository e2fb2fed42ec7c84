"""C text of Winograd's one-dimensional transforms and of the transposition around them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_SPREAD: Mapping[int, tuple[tuple[str, ...], tuple[str, ...]]] = MappingProxyType(
    {
        4: (
            (
                "a = d_4 - 4.0f * d_2",
                "b = d_3 - 4.0f * d_1",
                "c = d_4 - d_2",
                "e = 2.0f * (d_3 - d_1)",
            ),
            (
                "4.0f * d_0 - 5.0f * d_2 + d_4",
                "a + b",
                "a - b",
                "c + e",
                "c - e",
                "4.0f * d_1 - 5.0f * d_3 + d_5",
            ),
        ),
        6: (
            (
                "a = d_2 - 4.25f * d_4 + d_6",
                "b = d_1 - 4.25f * d_3 + d_5",
                "c = 0.25f * d_2 - 1.25f * d_4 + d_6",
                "e = 0.5f * d_1 - 2.5f * d_3 + 2.0f * d_5",
                "f = 4.0f * d_2 - 5.0f * d_4 + d_6",
                "g = 2.0f * d_1 - 2.5f * d_3 + 0.5f * d_5",
            ),
            (
                "d_0 + 5.25f * (d_4 - d_2) - d_6",
                "a + b",
                "a - b",
                "c + e",
                "c - e",
                "f + g",
                "f - g",
                "d_7 + 5.25f * (d_3 - d_5) - d_1",
            ),
        ),
    }
)
"""B^T by the edge of a tile: terms that are shared, and the sums."""

_COLLAPSE: Mapping[int, tuple[tuple[str, ...], tuple[str, ...]]] = MappingProxyType(
    {
        4: (
            ("a = d_1 + d_2", "b = d_1 - d_2", "c = d_3 + d_4", "e = d_3 - d_4"),
            ("d_0 + a + c", "b + 2.0f * e", "a + 4.0f * c", "b + 8.0f * e + d_5"),
        ),
        6: (
            (
                "a = d_1 + d_2",
                "b = d_1 - d_2",
                "c = d_3 + d_4",
                "e = d_3 - d_4",
                "f = d_5 + d_6",
                "g = d_5 - d_6",
            ),
            (
                "d_0 + a + c + f",
                "b + 2.0f * e + 0.5f * g",
                "a + 4.0f * c + 0.25f * f",
                "b + 8.0f * e + 0.125f * g",
                "a + 16.0f * c + 0.0625f * f",
                "b + 32.0f * e + 0.03125f * g + d_7",
            ),
        ),
    }
)
"""A^T by the edge of a tile."""


def transform_lines(edge: int) -> list[str]:
    """Functions `spread` (B^T) and `collapse` (A^T), from and to memory at steps."""
    return [
        f"/* Winograd's B^T of {edge + 2} vectors. */",
        *_transform("spread", edge + 2, *_SPREAD[edge]),
        "",
        f"/* Winograd's A^T: {edge + 2} products become {edge} sums. */",
        *_transform("collapse", edge + 2, *_COLLAPSE[edge]),
    ]


def _transform(name: str, count: int, terms: tuple[str, ...], sums: tuple[str, ...]) -> list[str]:
    head = f"static inline void {name}("
    lines = [
        f"{head}const float *from, ptrdiff_t step, float *to, ptrdiff_t to_step) {{",
    ]
    for i in range(count):
        at = "" if i == 0 else " + step" if i == 1 else f" + {i} * step"
        lines.append(f"  const vector d_{i} = load(from{at});")
    lines += [f"  const vector {term};" for term in terms]
    for i, total in enumerate(sums):
        at = "" if i == 0 else " + to_step" if i == 1 else f" + {i} * to_step"
        lines.append(f"  store(to{at}, {total});")
    return [*lines, "}"]


def transpose_lines(lanes: int) -> list[str]:
    """Function `transpose` of as many vectors as they have lanes."""
    half = lanes // 2
    low = ", ".join(f"{i}, {lanes + i}" for i in range(half))
    high = ", ".join(f"{half + i}, {lanes + half + i}" for i in range(half))
    return [
        "static inline vector zip_low(vector a, vector b) {",
        f"  return __builtin_shufflevector(a, b, {low});",
        "}",
        "",
        "static inline vector zip_high(vector a, vector b) {",
        f"  return __builtin_shufflevector(a, b, {high});",
        "}",
        "",
        "/* Each round interleaves the halves; as many rounds as a lane's number has bits. */",
        "static inline void transpose(vector *x) {",
        f"  for (int round = 1; round < {lanes}; round *= 2) {{",
        f"    vector y[{lanes}];",
        f"    for (int i = 0; i < {half}; ++i) {{",
        f"      y[2 * i] = zip_low(x[i], x[i + {half}]);",
        f"      y[2 * i + 1] = zip_high(x[i], x[i + {half}]);",
        "    }",
        f"    for (int i = 0; i < {lanes}; ++i) {{",
        "      x[i] = y[i];",
        "    }",
        "  }",
        "}",
    ]
