"""A whole search in the test's own process: evaluations and times follow from the candidate.

Everything else is real: database, study, ledger, timing queue, budget. A test steps in through
`on_poll`, which is called once a step of the loop, or through `evaluate`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np

from backend.jobs.context import JobContext
from backend.jobs.errors import CancelledError
from backend.jobs.lease import LeaseTable
from backend.jobs.log import open_log
from backend.jobs.states import JobState
from backend.search.executor import Outcome, Task
from backend.search.results import read_evaluation
from backend.search.run_search import run_search
from backend.search.search_device import SearchDevice
from backend.services.searches import get_search, start_search
from backend.services.views import SearchView
from backend.sparsity.candidate import Candidate
from backend.storage.open_database import open_database
from backend.storage.settings import Settings, load_settings
from backend.storage.tables import Job
from codegen.errors import PunchcardError
from device_agents.agent import DeviceAgent, RunResult
from device_agents.measurement import Measurement

Evaluate = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def evaluate(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Write a candidate's folder as the evaluator does; two epochs of training each."""
    candidate = Candidate.from_json(payload["candidate"])
    folder = Path(payload["folder"])
    (folder / "package").mkdir(parents=True, exist_ok=True)
    share = int(candidate.digest[:4], 16) / 0xFFFF
    result = {
        "accuracy": 0.92 - 0.05 * share,
        "standard_error": 0.006,
        "loss": 0.3,
        "count": 2000,
        "rate": 1.0 + 3.0 * share,
        "size_bytes": 1000,
        "layers": [],
        "seconds": {},
        "training": {"trainings": [{"name": "fine-tune", "epochs": 2, "images": 4000}]},
    }
    inputs = np.full((1, 4), share, np.float32)
    np.save(folder / "check_inputs.npy", inputs)
    np.save(folder / "check_outputs.npy", 2 * inputs)
    arena = 400_000 + round(1000 * share)  # more than the smallest candidate needs
    manifest = {"layers": [], "share": share, "weights_bytes": 1000, "arena_bytes": arena}
    (folder / "package" / "manifest.json").write_text(json.dumps(manifest))
    (folder / "graph.safetensors").touch()
    (folder / "evaluation.json").write_text(json.dumps(result))
    return result


class InProcess:
    """An executor that works when it is polled, at most `count` tasks at once.

    Attributes:
        done: every task it has worked on.
        widest: most evaluations that it ever had at once.
    """

    def __init__(self, evaluate: Evaluate, on_poll: Callable[[InProcess], None]) -> None:
        self._evaluate, self._on_poll = evaluate, on_poll
        self._waiting: list[Task] = []
        self.count = 2
        self.widest = 0
        self.done: list[Task] = []

    def capacity(self) -> int:
        return self.count - len(self._waiting)

    def resize(self, count: int) -> None:
        self.count = count

    def submit(self, task: Task) -> None:
        self._waiting.append(task)
        trained = sum(task.kind == "evaluate" for task in self._waiting)
        self.widest = max(self.widest, trained)

    def poll(self, timeout_s: float) -> list[Outcome]:
        del timeout_s
        self._on_poll(self)
        tasks, self._waiting = self._waiting, []
        return [self._outcome(task) for task in tasks]

    def close(self) -> None:
        self._waiting = []

    def _outcome(self, task: Task) -> Outcome:
        self.done.append(task)
        if task.kind == "rebuild":
            known = read_evaluation(Path(task.payload["trained"])) or {}
            return Outcome(task, {**evaluate(task.payload), **known, "reused": True})
        if task.kind == "reconstruct":
            return Outcome(task, {"reports": []})
        if task.kind == "score":
            return Outcome(task, {"accuracy": 0.9, "loss": 0.3, "count": 1, "standard_error": 0.1})
        try:
            return Outcome(task, self._evaluate(task.payload))
        except PunchcardError as error:
            return Outcome(task, None, str(error))


class Agent:
    """Latency follows from the share that `evaluate` wrote; outputs are twice the input."""

    def measure(self, packages: Sequence[Path], **_options: object) -> list[Measurement]:
        return [
            Measurement(
                package=str(package),
                rounds_ms=((1.0 - 0.8 * _manifest(package)["share"],) * 5,),
                max_relative_error=0.0,
                peak_rss_bytes=0,
                core=0,
            )
            for package in packages
        ]

    def run(self, package: Path, values: bytes, **_options: object) -> RunResult:
        return RunResult((2 * np.frombuffer(values, "<f4")).tobytes(), {"layers_ms": []})


def begin(trials: int | None = 4, **more: object) -> str:
    """Queue a small search."""
    config = {"model": "resnet8", "sampler": "random", "seed": 3, "reuse": False, **more}
    config.setdefault("budget", {"trials": trials})
    return start_search(config)


def run(
    search_id: str,
    *,
    evaluate: Evaluate = evaluate,
    on_poll: Callable[[InProcess], None] = lambda _: None,
    device: str = "fake",
    target: str = "x86_64-generic",
) -> tuple[SearchView, InProcess]:
    """Run a queued search to its end.

    Raises:
        PunchcardError: it fails.
        CancelledError: it was paused or cancelled; its job is then paused.
    """
    executor = InProcess(evaluate, on_poll)

    @contextmanager
    def find_device(_name: str, _settings: Settings) -> Iterator[SearchDevice]:
        # not called "local": the peak of this computer would be measured
        yield SearchDevice("fake", cast(DeviceAgent, Agent()), target, device)

    context = _claim()
    after = JobState.FAILED
    try:
        run_search(context, search_id, make_executor=lambda *_: executor, find_device=find_device)
        after = JobState.DONE
    except CancelledError:
        after = JobState.PAUSED
        raise
    finally:
        with context.database.write() as session:
            job = session.get_one(Job, context.job_id)
            job.state, job.wanted = after, None
    return get_search(search_id), executor


def _claim() -> JobContext:
    settings, database = load_settings(), open_database()
    leases = LeaseTable(database, stale_s=60, max_crashes=3)
    found = leases.claim("test", "search")
    assert found is not None
    log = open_log(settings.logs / "test.jsonl")
    return JobContext(found, settings=settings, database=database, leases=leases, log=log)


def _manifest(package: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((package / "manifest.json").read_bytes())
    return found
