"""The opening lines of every microkernel: signature and contract."""

from __future__ import annotations

from codegen.kernels.microkernel import Microkernel
from codegen.render.wrapped import wrapped


def entry_lines(kernel: Microkernel, contract: tuple[str, ...] = ()) -> list[str]:
    """Signature, then asserts of what the caller promises."""
    return [
        *wrapped(
            f"void {kernel.name}(const punchcard_{kernel.family} *layer, int begin, int end) {{"
        ),
        "  assert(layer != NULL);",
        "  assert(begin >= 0 && begin <= end);",
        *(f"  assert({condition});" for condition in contract),
    ]
