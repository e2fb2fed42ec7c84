"""C text of elementwise microkernels."""

from __future__ import annotations

from codegen.kernels.microkernel import Microkernel
from codegen.render.entry import entry_lines

_VALUES = {
    "add": "{left} + {right}",
    "sub": "{left} - {right}",
    "mul": "{left} * {right}",
    "div": "{left} / {right}",
    "pow": "raised({left}, {right})",
    "min": "smaller({left}, {right})",
    "max": "larger({left}, {right})",
    "prelu": "choose({left} < 0.0f, {left} * {right}, {left})",
}
"""Text of a binary function of two vectors."""


def render_unary(kernel: Microkernel) -> list[str]:
    """One function of a plane's positions."""
    value = "activate(load(input + ox), layer->alpha, layer->beta)"
    return [
        *entry_lines(kernel),
        "  for (int oc = begin; oc < end; ++oc) {",
        "    const float *input = layer->input + oc * layer->input_plane;",
        "    float *output = layer->output + oc * layer->output_plane;",
        *_positions(kernel, value),
        "  }",
        "}",
    ]


def render_binary(kernel: Microkernel) -> list[str]:
    """Two operands that lie alike, or one with a single value for each plane."""
    is_channel = "channel" in kernel.variant
    left, right = "load(left + ox)", "right" if is_channel else "load(right + ox)"
    if "swapped" in kernel.variant:
        left, right = right, left
    right_line = "    const float *right = layer->right + oc * layer->right_plane;"
    if is_channel and "blocked" in kernel.variant:
        right_line = "    const vector right = load(layer->right + oc * layer->right_plane);"
    elif is_channel:
        right_line = "    const vector right = broadcast(layer->right[oc * layer->right_plane]);"
    value = f"activate({_value(kernel, left, right)}, layer->alpha, 0.0f)"
    return [
        *entry_lines(kernel),
        "  for (int oc = begin; oc < end; ++oc) {",
        "    const float *left = layer->left + oc * layer->left_plane;",
        right_line,
        "    float *output = layer->output + oc * layer->output_plane;",
        *_positions(kernel, value),
        "  }",
        "}",
    ]


def _positions(kernel: Microkernel, value: str) -> list[str]:
    if "masked" in kernel.variant:
        value = f"keep({value}, load_mask(layer->mask + ox))"
    return [
        f"    const ptrdiff_t length = (ptrdiff_t)layer->vectors * {kernel.lanes};",
        f"    for (ptrdiff_t ox = 0; ox < length; ox += {kernel.lanes}) {{",
        f"      const vector value = {value};",
        "      store(output + ox, value);",
        "    }",
    ]


def _value(kernel: Microkernel, left: str, right: str) -> str:
    text = next(_VALUES[word] for word in kernel.variant if word in _VALUES)
    return text.format(left=left, right=right)


def render_broadcast(kernel: Microkernel) -> list[str]:
    """Rows of the output; where one starts in each operand follows from its axes' strides."""
    value = f"activate({_value(kernel, 'x', 'y')}, layer->alpha, 0.0f)"
    return [
        *entry_lines(kernel, ("layer->axes > 0",)),
        "  const int last = layer->axes - 1;",
        "  const ptrdiff_t length = layer->sizes[last];",
        "  const int is_left_row = layer->left_strides[last] != 0;",
        "  const int is_right_row = layer->right_strides[last] != 0;",
        "  for (int row = begin; row < end; ++row) {",
        "    const float *left = layer->left;",
        "    const float *right = layer->right;",
        "    int rest = row;",
        "    for (int axis = last - 1; axis >= 0; --axis) {",
        "      const ptrdiff_t at = rest % layer->sizes[axis];",
        "      rest /= layer->sizes[axis];",
        "      left += at * layer->left_strides[axis];",
        "      right += at * layer->right_strides[axis];",
        "    }",
        "    float *output = layer->output + row * length;",
        f"    for (ptrdiff_t ox = 0; ox < length; ox += {kernel.lanes}) {{",
        "      const vector x = is_left_row ? load(left + ox) : broadcast(left[0]);",
        "      const vector y = is_right_row ? load(right + ox) : broadcast(right[0]);",
        f"      const vector value = {value};",
        f"      if (ox + {kernel.lanes} <= length) {{",
        "        store(output + ox, value);",
        "      } else {",
        "        store_part(output + ox, value, length - ox);",
        "      }",
        "    }",
        "  }",
        "}",
    ]
