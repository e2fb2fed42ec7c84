"""Budget, workers, limits and warm start of a new search."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.viewmodels.numbers import ago
from backend.services import searches


def budget_fields(base: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Draw the three limits of the budget; 0 switches one off.

    Args:
        base: the configuration.
        key: changes with the preset, so that its numbers show.
    """
    budget = base.get("budget") or {}
    trials = st.number_input(
        "Candidates",
        min_value=0,
        max_value=100_000,
        value=int(budget.get("trials") or (0 if budget else 24)),
        step=1,
        key=f"trials-{key}",
        help="Each is pruned, fine-tuned, compiled to C, run and timed. 0: no limit.",
    )
    left, right = st.columns(2)
    with left:
        minutes = st.number_input(
            "Minutes at most (0 = no limit)",
            min_value=0.0,
            value=float(budget.get("minutes") or 0.0),
            step=5.0,
            format="%g",
            key=f"minutes-{key}",
            help="The search ends at whichever limit comes first.",
        )
    with right:
        epochs = st.number_input(
            "Epochs at most (0 = no limit)",
            min_value=0,
            value=int(budget.get("epochs") or 0),
            step=10,
            key=f"epochs-at-most-{key}",
            help="Of training, over all candidates and the dense net.",
        )
    return {
        "trials": int(trials) or None,
        "minutes": float(minutes) or None,
        "epochs": int(epochs) or None,
    }


def workers_field(base: Mapping[str, Any]) -> int:
    """Draw how many candidates train at once."""
    return int(
        st.number_input(
            "Candidates in training at once",
            min_value=1,
            max_value=1024,
            value=int(base.get("workers") or 2),
            step=1,
            help="One process and one core each. It can be changed while the search runs.",
        )
    )


def warm_start_field(base: Mapping[str, Any]) -> list[str]:
    """Draw the earlier searches whose fronts are tried first."""
    found = {search.id: search for search in searches.list_searches() if search.finished_trials}
    wanted = [search_id for search_id in base.get("warm_start") or () if search_id in found]
    return st.multiselect(
        "Start from the fronts of",
        list(found),
        default=wanted,
        format_func=lambda i: f"{found[i].model} on {found[i].device}, {ago(found[i].created_at)}",
        placeholder="No earlier search" if not found else "None",
        disabled=not found,
        help="Their candidates are tried first, where possible here; times are taken anew.",
    )


def limit_fields(base: Mapping[str, Any]) -> dict[str, Any]:
    """Draw the limits of the front; 0 switches one off."""
    limits = base.get("constraints") or {}
    latency = st.number_input(
        "Latency at most (ms, 0 = no limit)",
        min_value=0.0,
        value=float(limits.get("latency_ms") or 0.0),
        step=0.5,
        format="%.2f",
        help="Slower candidates are measured, but do not stand on the front.",
    )
    accuracy = st.number_input(
        "Accuracy at least (%, 0 = no limit)",
        min_value=0.0,
        max_value=100.0,
        value=100.0 * float(limits.get("accuracy") or 0.0),
        step=0.5,
        format="%.1f",
        help="On the validation images.",
    )
    left, right = st.columns(2)
    with left:
        size = st.number_input(
            "Weights at most (kB, 0 = no limit)",
            min_value=0.0,
            value=float(limits.get("size_bytes") or 0) / 1000.0,
            step=50.0,
            format="%.0f",
            help="Size of the packed weights on the device.",
        )
    with right:
        memory = st.number_input(
            "Memory at most (kB, 0 = no limit)",
            min_value=0.0,
            value=float(limits.get("memory_bytes") or 0) / 1000.0,
            step=50.0,
            format="%.0f",
            help="Peak of one inference: packed weights and working memory.",
        )
    return {
        "latency_ms": float(latency) or None,
        "accuracy": round(float(accuracy) / 100.0, 6) or None,
        "size_bytes": int(size * 1000) or None,
        "memory_bytes": int(memory * 1000) or None,
    }
