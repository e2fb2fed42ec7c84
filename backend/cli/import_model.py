"""`punchcard import` and `punchcard export`: what of a model can be compiled; a model as ONNX."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from codegen.exchange.report import SupportReport
    from codegen.ir.graph import Graph

# A search's id and the trial's number.
_TRIAL_ID = re.compile(r"[0-9A-Za-z_-]+-[0-9]+")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("import")(import_model)
    app.command("export")(export_model)


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


def export_model(
    model: Annotated[
        str,
        typer.Argument(
            help="Id of a finished trial, a base model, or an .onnx or .safetensors file."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The .onnx file to write.")],
) -> None:
    """Write a model as ONNX, with its zeros, normalisation and class names."""
    from codegen.exchange.onnx_exporter import export_onnx

    data = export_onnx(_open(model))
    aside = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        aside.write_bytes(data)
        aside.replace(out)
    finally:
        aside.unlink(missing_ok=True)
    print(f"{out}: {len(data):,} bytes", file=sys.stderr)


def _open(model: str) -> Graph:
    from backend.models.zoo import MODELS, load_model

    if model in MODELS or Path(model).suffix in {".onnx", ".safetensors"}:
        return load_model(model)
    if not _TRIAL_ID.fullmatch(model):
        return load_model(model)  # tells what there is
    from backend.services.candidates import candidate_folder
    from codegen.ir.storage import load_graph

    return load_graph(candidate_folder(model) / "graph.safetensors")


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
