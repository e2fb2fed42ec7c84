"""What a large study costs: the page's query and each sampler's next candidate."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from backend.bench.scale.large_study import make_large_study
from backend.bench.scale.private_home import private_home
from backend.config.search_file import parse_config
from backend.search.preparation import prepare
from backend.search.samplers import make_sampler
from backend.services.searches import get_search, start_search
from backend.storage.artifacts import open_artifacts
from backend.storage.open_database import open_database

REPEATS = 5


def study_times(
    trials: int, samplers: Sequence[str], *, model: str = "resnet20", say: Callable[[str], None]
) -> dict[str, Any]:
    """Time a study of `trials` finished trials over a model's menu.

    Returns:
        Seconds: `page_first_s` (a process that has not read the study), `page_s` (median of the
        queries after that), and for each sampler `ask_first_s` (with all it learns at its
        start) and `ask_s` (median of the asks after that, each with one more trial running).
    """
    with private_home() as settings:
        database = open_database(settings)
        search_id = start_search({"model": model})
        prepared = prepare(parse_config({"model": model}), database, open_artifacts(settings))
        say(f"making a study of {trials} trials")
        study = make_large_study(database, prepared, search_id, trials)
        pages = [_seconds(lambda: get_search(search_id)) for _ in range(REPEATS + 1)]
        study.trials()  # whatever samples has read the study
        asks: dict[str, Any] = {}
        for name in samplers:
            study.use_sampler(make_sampler(name, 0, prepared.problem))
            taken = [_seconds(study.propose) for _ in range(REPEATS + 1)]
            asks[name] = {
                "ask_first_s": round(taken[0], 4),
                "ask_s": round(statistics.median(taken[1:]), 4),
            }
            say(f"{name}: first ask {taken[0]:.2f} s, then {asks[name]['ask_s']:.3f} s")
    return {
        "model": model,
        "trials": trials,
        "page_first_s": round(pages[0], 4),
        "page_s": round(statistics.median(pages[1:]), 4),
        "samplers": asks,
    }


def _seconds(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun
