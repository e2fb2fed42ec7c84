"""`python -m backend.services.build_model_reports`: writes the reports of the base models.

Drawing the random weights of VGG-16 alone takes seconds and 0.5 GB, which no page may spend. A test
compares the file with the models.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from backend.data.registry import open_data
from backend.models.zoo import MODELS, build_model
from backend.services.model_report import report_of, to_json
from codegen.errors import GraphError
from codegen.ir.graph import Graph

REPORTS = Path(__file__).resolve().parents[2] / "assets" / "models.json"


def zoo_graph(name: str, data: str) -> Graph:
    """A base model for the pictures of a data set; as published where it does not fit them."""
    images = open_data(data)
    try:
        return build_model(name, input_shape=images.input_shape, classes=len(images.classes))
    except GraphError:
        return build_model(name)


def build_reports() -> dict[str, dict[str, Any]]:
    """Reports of all base models for the sample data."""
    return {
        name: to_json(report_of(zoo_graph(name, "sample"), name, card.title))
        for name, card in MODELS.items()
    }


if __name__ == "__main__":
    lines = ",\n".join(
        f"{json.dumps(name)}: {json.dumps(report, separators=(',', ':'))}"
        for name, report in build_reports().items()
    )
    REPORTS.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
