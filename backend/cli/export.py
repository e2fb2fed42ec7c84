"""`punchcard export`: a model as ONNX, a search's trials as a table, a package as one file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from codegen.ir.graph import Graph

_TRIAL_ID = re.compile(r"[0-9A-Za-z_-]+-[0-9]+")
"""A search's id and the trial's number."""


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def export(
        what: Annotated[
            str,
            typer.Argument(
                help="A search ('last' is the newest), a finished trial, a base model, or a file."
            ),
        ],
        out: Annotated[
            Path,
            typer.Option(
                metavar="FILE",
                help="model.onnx, trials.csv or trials.parquet; with --package a .zip.",
            ),
        ],
        package: Annotated[
            bool, typer.Option("--package", help="The compiled package of the trial WHAT.")
        ] = False,
    ) -> None:
        """Write a model as ONNX, the trials of a search as a table, or a package as a zip.

        The ending of FILE says which. A model keeps its zeros, normalisation and class names.
        """
        from backend.services.exports import export_package, export_trials

        if package:
            export_package(what, out)
        elif out.suffix.lower() == ".onnx":
            _export_model(what, out)
        else:
            export_trials(what, out)
        typer.echo(f"{out}: {out.stat().st_size:,} bytes")


def _export_model(what: str, out: Path) -> None:
    from backend.storage.artifacts import write_whole
    from codegen.exchange.onnx_exporter import export_onnx

    write_whole(out, export_onnx(_open(what)), mode=0o644)


def _open(model: str) -> Graph:
    from backend.models.zoo import MODELS, load_model

    if model in MODELS or Path(model).suffix in {".onnx", ".safetensors"}:
        return load_model(model)
    if not _TRIAL_ID.fullmatch(model):
        return load_model(model)  # tells what there is
    from backend.services.candidates import candidate_folder
    from codegen.ir.storage import load_graph

    return load_graph(candidate_folder(model) / "graph.safetensors")
