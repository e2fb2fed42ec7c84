"""Views of an enhancement study, kept in memory, for the page tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from backend.services.enhancement import (
    METHODS,
    ExhibitView,
    NetView,
    SightView,
    StudyView,
    default_order,
)
from backend.services.views import JobView

STUDY_ID = "5t0d1e5"
SCORES = {
    "entropy": ("entropy", False, 0.872),
    "top_energy": ("energy in the top 10 %", True, 0.826),
    "laplacian": ("Laplacian variance ÷ energy", True, 2.235),
}


def nets() -> tuple[NetView, ...]:
    """A shipped net, and a candidate of a search."""
    return (
        NetView(name="resnet20-sample", title="resnet20 sample", kind="shipped", data="sample"),
        NetView(
            name="5eac4001-5",
            title="candidate 5eac4001-5 of resnet20",
            kind="candidate",
            dense="dense:5eac4001",
            data="sample",
        ),
    )


def row(method: str, score: str, change: float, count: int) -> dict[str, Any]:
    """One compared number; a change beyond 1 % is decided."""
    title, is_higher, dense = SCORES[score]
    difference = change * dense
    decided = abs(change) > 0.01 and count >= 2
    sharper = (change > 0) == is_higher
    low, high = difference - 0.01 * dense, difference + 0.01 * dense
    return {
        "method": method,
        "method_title": METHODS[method],
        "score": score,
        "score_title": title,
        "better_is_higher": is_higher,
        "count": count,
        "dense": dense,
        "pruned": dense + difference,
        "difference": difference,
        "low": low if count >= 2 else None,
        "high": high if count >= 2 else None,
        "joint_low": low,
        "joint_high": high,
        "better_share": 0.61,
        "verdict": ("supported" if sharper else "not supported") if decided else "undecided",
    }


def report(count: int = 120) -> dict[str, Any]:
    """A report whose scores contradict each other."""
    changes = {"guided": (-0.02, 0.03, 0.005), "integrated": (0.004, -0.02, 0.05)}
    rows = [
        row(method, score, change, count)
        for method, three in changes.items()
        for score, change in zip(SCORES, three, strict=True)
    ]
    rows += [row("inversion", score, 0.0, min(count, 8)) for score in SCORES]
    gaps = {
        "mean_gap": 0.0061,
        "largest_gap": 0.0099,
        "within_tolerance": 1.0,
        "mean_steps": 56.0,
        "most_steps": 91,
    }
    areas = {"score": "deletion", "score_title": "deletion area", "better_is_higher": False}
    return {
        "dense": "resnet20-sample",
        "pruned": "pattern 2.25x (natural-8), repaired",
        "rate": 2.25,
        "pictures": f"{count} test images of sample",
        "count": count,
        "dense_accuracy": 0.945,
        "pruned_accuracy": 0.94,
        "agreement": 0.981,
        "claim": "Ma et al. (ECCV 2020) show three ImageNet pictures. They give no number.",
        "verdict": "undecided",
        "sentence": "Undecided at 95 %: of 6 scores over 120 pictures, 3 call the pruned net "
        "sharper, 1 calls it blurrier, 2 cannot tell.",
        "sharpness": rows,
        "faithfulness": [{**row("guided", "entropy", 0.02, count), **areas}],
        "strength": [{**row("guided", "laplacian", 0.5, count), "score": "strength"}],
        "random_order": {
            "dense_deletion": 0.46,
            "dense_insertion": 0.44,
            "pruned_deletion": 0.45,
            "pruned_insertion": 0.43,
        },
        "completeness": {"dense": gaps, "pruned": gaps},
        "settings": {**default_order()["settings"], "layer": "layer1.2.relu2"},
    }


def exhibits(count: int = 4) -> tuple[ExhibitView, ...]:
    """Blobs, and maps around them."""
    rows, columns = np.mgrid[:28, :28] - 13.5
    views = []
    for number in range(count):
        blob = np.exp(-(rows**2 + (columns - number) ** 2) / 60)
        image = (255 * blob).astype(np.uint8)[None]
        ring = (255 * blob * (1 - blob) * 4).clip(0, 255).astype(np.uint8)
        sharper = (ring.astype(float) ** 1.5 / 16).clip(0, 255).astype(np.uint8)
        sights = {name: SightView(dense=ring, pruned=sharper) for name in ("guided", "integrated")}
        if number < 2:
            sights["inversion"] = SightView(dense=image, pruned=255 - image)
        views.append(
            ExhibitView(
                name=f"test-{number}",
                image=image,
                dense_class="Bag",
                pruned_class="Bag" if number else "Shirt",
                sights=sights,
            )
        )
    return tuple(views)


def study(job: JobView, count: int = 120) -> StudyView:
    """A study in the state of its job."""
    is_done = job.state == "done"
    return StudyView(
        job=job,
        order=default_order(),
        report=report(count) if is_done else None,
        exhibits=exhibits() if is_done else (),
    )


def picture_rows(count: int = 120) -> list[dict[str, Any]]:
    """Differences of single pictures."""
    random = np.random.default_rng(0)
    return [
        {
            "picture": f"test-{number}",
            "method": method,
            "score": score,
            "dense": 1.0,
            "pruned": 1.0 + float(difference),
            "difference": float(difference),
        }
        for method in METHODS
        for score in SCORES
        for number, difference in enumerate(random.normal(0.02, 0.1, count))
    ]
