"""C text of elementwise microkernels."""

from __future__ import annotations

from codegen.kernels.microkernel import Microkernel
from codegen.render.entry import entry_lines

_SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/"}


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
    sign = next(_SIGNS[word] for word in kernel.variant if word in _SIGNS)
    is_channel = "channel" in kernel.variant
    left, right = "load(left + ox)", "right" if is_channel else "load(right + ox)"
    if "swapped" in kernel.variant:
        left, right = right, left
    right_line = (
        "    const vector right = broadcast(layer->right[oc * layer->right_plane]);"
        if is_channel
        else "    const float *right = layer->right + oc * layer->right_plane;"
    )
    value = f"activate({left} {sign} {right}, layer->alpha, 0.0f)"
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


def render_broadcast(kernel: Microkernel) -> list[str]:
    """Plain loops over four axes with a stride for each operand."""
    sign = _SIGNS[kernel.variant[0]]
    return [
        *entry_lines(kernel),
        "  const int32_t *size = layer->sizes;",
        "  const int32_t *l = layer->left_strides;",
        "  const int32_t *r = layer->right_strides;",
        "  ptrdiff_t at = (ptrdiff_t)begin * size[1] * size[2] * size[3];",
        "  for (int n = begin; n < end; ++n) {",
        "    for (int oc = 0; oc < size[1]; ++oc) {",
        "      for (int oy = 0; oy < size[2]; ++oy) {",
        "        const ptrdiff_t from_l = (ptrdiff_t)n * l[0] + (ptrdiff_t)oc * l[1] + oy * l[2];",
        "        const ptrdiff_t from_r = (ptrdiff_t)n * r[0] + (ptrdiff_t)oc * r[1] + oy * r[2];",
        "        for (int ox = 0; ox < size[3]; ++ox) {",
        "          const float left = layer->left[from_l + ox * l[3]];",
        "          const float right = layer->right[from_r + ox * r[3]];",
        f"          layer->output[at++] = left {sign} right;",
        "        }",
        "      }",
        "    }",
        "  }",
        "}",
    ]
