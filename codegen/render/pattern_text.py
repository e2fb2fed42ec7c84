"""C text that both microkernels with patterns in their code share."""

from __future__ import annotations

from codegen.kernels.pattern_conv import ENTRIES
from codegen.kernels.pattern_set import SIDE


def cursor_type() -> list[str]:
    """Where reading has come to."""
    return [
        "/* Where reading the packed kernels has come to. */",
        "typedef struct {",
        "  const uint8_t *counts;",
        "  const uint8_t *filters;",
        "  const float *weights;",
        "} cursor;",
        "",
    ]


def taps_of(mask: int) -> list[int]:
    """Taps of a pattern, ascending."""
    return [tap for tap in range(SIDE * SIDE) if mask >> tap & 1]


def picture(mask: int) -> list[str]:
    """A comment that draws a pattern, # where it has a weight."""
    cells = ["#" if mask >> tap & 1 else "." for tap in range(SIDE * SIDE)]
    rows = [" ".join(cells[row * SIDE : (row + 1) * SIDE]) for row in range(SIDE)]
    return [f"/*   {rows[0]}", f" *   {rows[1]}", f" *   {rows[2]} */"]


def kernel_lines(inputs: list[list[str]]) -> list[str]:
    """One kernel: its weights times the inputs of each vector of sums; the cursor goes on."""
    entries = range(len(inputs[0]))
    lines = [f"    const vector w_{e} = broadcast(at.weights[{e}]);" for e in entries]
    for v, values in enumerate(inputs):
        terms = "".join(f" + w_{e} * {value}" for e, value in enumerate(values))
        lines.append(f"    sum[{v}] = sum[{v}]{terms};")
    return [*lines, "    at.filters += 1;", f"    at.weights += {ENTRIES};"]
