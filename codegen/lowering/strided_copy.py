"""Axes of a copy between two views: as few as will do, the best to run along at the end."""

from __future__ import annotations

from dataclasses import dataclass, replace

from codegen.lowering.view import View

_SHORT = 8
"""An axis of fewer elements is not worth running along."""


@dataclass(frozen=True)
class CopyAxis:
    """One loop of a copy: its extent, and the floats between neighbours on both sides."""

    size: int
    input_step: int
    output_step: int


def whole_rows(source: View, target: View) -> tuple[View, View]:
    """Two views of equal sizes, with the rows of a picture as one run where both have its spacing.

    The zeros between rows are copied to zeros; that is cheaper than to step over them.
    """
    held, layout = source.layout, target.layout
    is_alike = held.is_planar and layout.is_planar and not (held.is_blocked or layout.is_blocked)
    if not is_alike or held.row != layout.row:
        return source, target
    if not (_has_whole_planes(source) and _has_whole_planes(target)):
        return source, target
    length = (layout.height - 1) * layout.row + layout.width
    one, other = (
        replace(view, sizes=(*view.sizes[:-2], length), steps=(*view.steps[:-2], 1))
        for view in (source, target)
    )
    return one, other


def _has_whole_planes(view: View) -> bool:
    layout = view.layout
    is_at_a_plane = (view.start - layout.origin) % layout.plane == 0
    has_rows = view.sizes[-2:] == (layout.height, layout.width)
    return is_at_a_plane and has_rows and view.steps[-2:] == (layout.row, 1)


def copy_axes(source: View, target: View) -> list[CopyAxis]:
    """Loops that copy a view to one of the same sizes, outermost first; at least two.

    Loops go through the target in order of its memory. Neighbours that continue each other on both
    sides are joined. The last one is the row: contiguous in the target, unless that axis is short
    and another runs through the source. The one before it is what a transposing copy reads along.
    """
    triples = zip(source.sizes, source.steps, target.steps, strict=True)
    axes = [CopyAxis(*item) for item in triples if item[0] != 1]
    axes.sort(key=lambda axis: -abs(axis.output_step))
    joined = joined_axes(axes)
    if joined and joined[-1].size < _SHORT:
        _move_last(joined, [axis for axis in joined if axis.input_step == 1])
    if joined and joined[-1].input_step != 1:
        row = joined.pop()
        _move_last(joined, [axis for axis in joined if axis.input_step == 1])
        joined.append(row)
    return [CopyAxis(1, 0, 0)] * (2 - len(joined)) + joined


def joined_axes(axes: list[CopyAxis]) -> list[CopyAxis]:
    """Neighbouring loops made one where the outer continues the inner on both sides."""
    joined: list[CopyAxis] = []
    for axis in axes:
        size = axis.size
        if joined and _continues(joined[-1], axis):
            size *= joined.pop().size
        joined.append(CopyAxis(size, axis.input_step, axis.output_step))
    return joined


def _continues(outer: CopyAxis, inner: CopyAxis) -> bool:
    return (
        outer.input_step == inner.input_step * inner.size
        and outer.output_step == inner.output_step * inner.size
    )


def _move_last(axes: list[CopyAxis], candidates: list[CopyAxis]) -> None:
    if candidates and max(candidates, key=lambda axis: axis.size).size >= _SHORT:
        chosen = max(candidates, key=lambda axis: axis.size)
        axes.remove(chosen)
        axes.append(chosen)
