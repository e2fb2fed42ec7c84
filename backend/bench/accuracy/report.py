"""Accuracy tables as markdown for the docs and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from backend.bench.accuracy.section import Section
from backend.bench.accuracy.statistics import Mean
from backend.bench.accuracy.table import AccuracyTable, Column
from backend.bench.markdown import markdown_table


def table_markdown(table: AccuracyTable, found: Sequence[Section]) -> str:
    """A heading, and for each net its notes and lines; ± is one standard error over seeds."""
    parts = [f"### {table.title}"]
    for section in found:
        parts += [*table.notes(section), _section_markdown(table, section)]
    if not found:
        parts.append("No results yet.")
    return "\n\n".join(parts)


def table_json(table: AccuracyTable, found: Sequence[Section]) -> dict[str, Any]:
    """The same numbers, with every cell's own result beneath its line."""
    return {
        "name": table.name,
        "title": table.title,
        "baseline": table.baseline,
        "sections": [
            {
                "net": section.net,
                "notes": list(table.notes(section)),
                "lines": [
                    {
                        "row": row,
                        "is_whole": line.is_whole,
                        "means": _means(table, section, row),
                        "cells": list(line.records),
                    }
                    for row, line in section.lines.items()
                ],
            }
            for section in found
        ],
    }


def _section_markdown(table: AccuracyTable, section: Section) -> str:
    columns = [c for c in table.columns if any(section.mean(r, c.key) for r in section.lines)]
    heads = [section.net]
    for column in columns:
        heads.append(column.title)
        if column.is_paired and section.baseline in section.lines:
            heads.append(f"to {section.baseline}")
    body = []
    for row, line in section.lines.items():
        cells = [row if line.is_whole else f"{row} ({len(line.records)} of {line.asked} cells)"]
        for column in columns:
            cells.append(_printed(section.mean(row, column.key), column))
            if column.is_paired and section.baseline in section.lines:
                cells.append(_printed(section.difference(row, column.key), column, signed=True))
        body.append(cells)
    return markdown_table(heads, body)


def _printed(mean: Mean | None, column: Column, *, signed: bool = False) -> str:
    if mean is None:
        return ""
    form = column.form.replace("{:", "{:+") if signed else column.form
    text = form.format(column.scale * mean.value)
    # what does not depend on the seed has a spread of nothing
    return text if not mean.error else f"{text} ± {column.form.format(column.scale * mean.error)}"


def _means(table: AccuracyTable, section: Section, row: str) -> dict[str, Any]:
    means: dict[str, Any] = {}
    for column in table.columns:
        mean = section.mean(row, column.key)
        if mean is None:
            continue
        means[column.key] = asdict(mean)
        difference = section.difference(row, column.key) if column.is_paired else None
        if difference is not None:
            means[f"{column.key}_difference"] = asdict(difference)
    return means
