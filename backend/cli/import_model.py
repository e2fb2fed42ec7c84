"""`punchcard import`: what of a model can be compiled."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from codegen.exchange.report import SupportReport
    from codegen.ir.graph import Graph


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("import")(import_model)


def import_model(
    model: Annotated[Path, typer.Argument(help="An .onnx file.")],
    json_target: Annotated[
        str | None, typer.Option("--json", help="Write the report to a file, or - for stdout.")
    ] = None,
) -> None:
    """Say whether an ONNX model can be compiled, list its layers, or all that stands against it."""
    from codegen.errors import ImportRefusedError
    from codegen.exchange.onnx_importer import import_onnx, inspect_onnx
    from codegen.exchange.report import SupportReport

    try:
        report = inspect_onnx(model, name=model.stem, any_shape=True)
    except ImportRefusedError as error:
        unread = SupportReport(False, 0, (), 0, 0, reason=str(error))
        _write(unread, json_target)
        raise
    _write(report, json_target)
    if not report.supported:
        for line in _problems(report):
            print(line, file=sys.stderr)
        count = len(report.unsupported)
        msg = (
            f"{model.name} cannot be compiled: {count} of {report.nodes} nodes "
            f"{'is' if count == 1 else 'are'} not supported (listed above)"
        )
        raise ImportRefusedError(msg)
    if json_target != "-":
        for line in _layers(import_onnx(model, name=model.stem, any_shape=True), report):
            print(line)


def _problems(report: SupportReport) -> list[str]:
    from codegen.exchange.report import shown

    return [f"  {shown(item.node)} ({shown(item.op)}): {item.hint}" for item in report.unsupported]


def _layers(graph: Graph, report: SupportReport) -> list[str]:
    """A table of the layers a plan can name."""
    from codegen.ir.macs import dense_macs

    rows: list[tuple[Any, ...]] = [("layer", "op", "weight", "output", "MACs")]
    for node in graph.nodes:
        weight = graph.weight(node, "weight")
        if weight is not None:
            shapes = (weight.values.shape, node.type.shape[1:])
            texts = ("x".join(map(str, shape)) for shape in shapes)
            rows.append((_plain(node.name), node.op, *texts, f"{dense_macs(graph, node):,}"))
    widths = [max(len(str(row[column])) for row in rows) for column in range(5)]
    lines = [
        "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    total = f"{report.nodes} nodes, {report.parameters:,} parameters, {report.macs:,} MACs"
    return [*lines, f"supported: {total}"]


def _plain(name: str) -> str:
    """A name from a stranger's file, safe on a terminal."""
    return name if name.isprintable() and len(name) <= 80 else ascii(name[:80])


def _write(report: SupportReport, target: str | None) -> None:
    text = json.dumps(report.to_json(), indent=2) + "\n"
    if target == "-":
        print(text, end="")
    elif target is not None:
        Path(target).write_text(text, encoding="utf-8")
