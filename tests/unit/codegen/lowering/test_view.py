"""Views against NumPy's own, and how many copies movement costs."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.ir import GraphBuilder
from codegen.ir.passes import optimize
from codegen.lowering.layout import Spacing, compact, planar
from codegen.lowering.lower import lower
from codegen.lowering.program import Storage
from codegen.lowering.strided_copy import copy_axes, whole_rows
from codegen.lowering.view import View, common_shape, row_major, view_of
from codegen.targets.registry import load_target

SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=5).map(tuple)


def elements(view: View) -> np.ndarray:
    """Positions in the storage, in the order of the view's elements."""
    places = np.full(view.sizes, view.start)
    for axis, (size, step) in enumerate(zip(view.sizes, view.steps, strict=True)):
        shape = [1] * len(view.sizes)
        shape[axis] = size
        places = places + (np.arange(size) * step).reshape(shape)
    return places


@st.composite
def views(draw: st.DrawFn) -> tuple[View, np.ndarray]:
    """A chain of movements, as a view and by NumPy."""
    shape = draw(SHAPES)
    view = view_of(Storage("arena", 0, compact(prod(shape), 1, 1)), shape)
    array = np.arange(prod(shape)).reshape(shape)
    for _ in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(("transpose", "slice", "expand")))
        if kind == "transpose":
            perm = tuple(draw(st.permutations(range(array.ndim))))
            view, array = view.transposed(perm), array.transpose(perm)
        elif kind == "slice":
            steps = tuple(draw(st.sampled_from((1, 1, -1, 2))) for _ in array.shape)
            index = tuple(slice(None, None, step) for step in steps)
            starts = tuple(
                0 if step > 0 else size - 1 for step, size in zip(steps, array.shape, strict=True)
            )
            view, array = view.sliced(starts, array[index].shape, steps), array[index]
        else:
            full = (draw(st.integers(1, 2)), *(max(size, 2) for size in array.shape))
            if np.broadcast_shapes(full, array.shape) == full:
                view, array = view.expanded(full), np.broadcast_to(array, full)
    return view, array


@settings(deadline=None, derandomize=True, max_examples=200)
@given(pair=views(), data=st.data())
def test_views_hold_what_numpy_holds(pair: tuple[View, np.ndarray], data: st.DataObject) -> None:
    view, array = pair
    assert np.array_equal(elements(view), array)
    shape = data.draw(st.permutations(array.shape)).copy()
    if len(shape) > 1 and data.draw(st.booleans()):
        shape = [shape[0] * shape[1], *shape[2:]]
    changed = view.reshaped(tuple(shape))
    if changed is not None:
        assert np.array_equal(elements(changed), array.reshape(shape))
    shared = common_shape(array.shape, tuple(shape))
    if shared is not None:
        finer = view.reshaped(shared)
        assert finer is not None
        assert np.array_equal(elements(finer), array.reshape(shared))


@settings(deadline=None, derandomize=True, max_examples=100)
@given(pair=views())
def test_loops_of_a_copy_reach_every_element_once(pair: tuple[View, np.ndarray]) -> None:
    view, array = pair
    target = View("arena", 1, 0, view.sizes, row_major(view.sizes), compact(array.size, 1, 1))
    axes = copy_axes(view, target)
    assert len(axes) >= 2
    sizes = tuple(axis.size for axis in axes)
    loops = [
        View("arena", 0, start, sizes, tuple(steps), compact(1, 1, 1))
        for start, steps in (
            (view.start, [axis.input_step for axis in axes]),
            (0, [axis.output_step for axis in axes]),
        )
    ]
    written = np.full(array.size, -1)
    written[elements(loops[1]).reshape(-1)] = elements(loops[0]).reshape(-1)
    assert np.array_equal(written, array.reshape(-1))


def _copies(builder: GraphBuilder, *outputs: str) -> list[str]:
    """Families of the steps that copy, without those of input and output."""
    program = lower(optimize(builder.build(*outputs)), load_target("x86_64-avx512"))
    families = [(step.microkernel.family, step.reads, step.writes) for step in program.steps]
    return [name for name, reads, writes in families if "copy" in name and reads and writes]


@pytest.mark.parametrize("groups", [2, 4])
def test_a_channel_shuffle_is_one_copy(groups: int) -> None:
    b = GraphBuilder("shuffle")
    x = b.conv(b.input((1, 8, 6, 7)), 8, 3, name="before", groups=groups)
    x = b.add("reshape", x, name="cut", shape=(1, groups, 8 // groups, 6, 7))
    x = b.add("transpose", x, name="turn", perm=(0, 2, 1, 3, 4))
    x = b.add("reshape", x, name="join", shape=(1, 8, 6, 7))
    assert len(_copies(b, b.conv(x, 8, 3, name="behind", groups=groups))) == 1


def test_split_channels_and_turned_axes_that_turn_back_cost_nothing() -> None:
    b = GraphBuilder("split")
    x = b.conv(b.input((1, 8, 6, 7)), 8, 3, name="before")
    parts = [
        b.add("slice", x, name=f"part{at}", axes=(1,), starts=(at,), sizes=(4,), steps=(1,))
        for at in (0, 4)
    ]
    left = b.conv(parts[0], 4, 3, name="left")
    right = b.add("relu", parts[1], name="right")
    y = b.add("transpose", x, name="away", perm=(0, 2, 3, 1))
    y = b.add("transpose", y, name="back", perm=(0, 3, 1, 2))
    assert _copies(b, left, right, b.conv(y, 8, 3, name="behind")) == []


def test_a_transposed_convolution_is_one_convolution_and_one_copy() -> None:
    b = GraphBuilder("up")
    x = b.conv(b.input((1, 8, 6, 7)), 8, 3, name="before")
    keys = {"weight": b.weight("w", np.ones((8, 4, 4, 4)))}
    sides = {"stride": (2, 2), "padding": (1, 1, 1, 1)}
    x = b.add("conv_transpose", x, name="up", weights=keys, **sides)
    x = b.conv(b.add("relu", x, name="act"), 4, 3, name="behind")
    assert len(_copies(b, x)) == 1


def test_planes_of_one_spacing_are_copied_whole() -> None:
    layout = planar(6, 5, 7, Spacing(9, 16))
    shape = (1, 6, 5, 7)
    source = view_of(Storage("arena", 0, layout), shape)
    target = view_of(Storage("arena", 1, layout, 0), shape)
    turned = source.reshaped((2, 3, 5, 7))
    assert turned is not None
    one, other = whole_rows(
        turned.transposed((1, 0, 2, 3)), target.sliced((0,) * 4, shape, (1,) * 4)
    )
    assert one.sizes == (3, 2, 4 * 9 + 7)
    assert other.sizes == (1, 6, 4 * 9 + 7)
    flipped = source.sliced((0, 0, 4, 0), shape, (1, 1, -1, 1))
    assert whole_rows(flipped, target) == (flipped, target)
    wider = view_of(Storage("arena", 1, planar(6, 5, 7, Spacing(10, 16))), shape)
    assert whole_rows(source, wider) == (source, wider)
