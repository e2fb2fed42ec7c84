"""A team's machine is lost with its disk: database and shared place have everything finished."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from backend.jobs.errors import CancelledError
from backend.search.study_view import read_study
from backend.services.candidates import candidate_folder
from backend.services.searches import pause_search, resume_search
from backend.storage.open_database import open_database
from backend.storage.settings import load_settings
from tests.unit.backend.search.in_process import InProcess, begin, run

SEARCHES = "artifacts/searches"


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("PUNCHCARD_ARTIFACTS", str(tmp_path / "shared"))
    return tmp_path / "shared"


def lose_the_disk() -> None:
    shutil.rmtree(load_settings().home / SEARCHES)


def evaluated(executor: InProcess) -> list[str]:
    return [Path(t.payload["folder"]).name for t in executor.done if t.kind == "evaluate"]


@pytest.mark.usefixtures("shared")
def test_finished_candidates_are_opened_on_another_machine() -> None:
    search_id = begin(3)
    view, _ = run(search_id)
    lose_the_disk()
    for trial in view.trials:
        folder = candidate_folder(trial.id)
        assert (folder / "package" / "manifest.json").is_file()
        assert (folder / "timing.json").is_file()


def test_search_goes_on_elsewhere_without_training_anything_twice(shared: Path) -> None:
    search_id = begin(6)

    def pause_in_the_middle(_executor: InProcess) -> None:
        finished = [
            t for t in read_study(open_database().url, search_id).trials if t.state == "done"
        ]
        if len(finished) >= 2:
            pause_search(search_id)

    with pytest.raises(CancelledError):
        run(search_id, on_poll=pause_in_the_middle)
    study = read_study(open_database().url, search_id)
    done = {str(t.record["folder"]).rsplit("/", 1)[1] for t in study.trials if t.state == "done"}
    assert len(done) >= 2
    lose_the_disk()
    resume_search(search_id)
    view, executor = run(search_id)
    assert (view.state, view.finished_trials) == ("done", 6)
    again = set(evaluated(executor))
    assert not again & (done | {"dense"})
    assert list(shared.rglob("folders/**/latency.tar"))
    scored = [t for t in executor.done if t.kind == "score"]
    assert all(Path(task.payload["folder"]).is_dir() for task in scored)
    assert len(scored) == len(view.front) + 1


@pytest.mark.usefixtures("shared")
def test_results_of_a_lost_machine_serve_another_search() -> None:
    first = begin(3, reuse=True)
    run(first)
    lose_the_disk()
    view, executor = run(begin(3, reuse=True))
    assert (view.state, view.finished_trials) == ("done", 3)
    assert evaluated(executor) == []
