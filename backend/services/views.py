"""What services hand to the page and the command line: frozen, printable, without any live object.

Times are aware datetimes, ids are strings, sequences are tuples, units stand in the names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

# Facts, results and configurations are JSON objects whose keys other parts define.
Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class WorkerStatus:
    """Whether a worker is there, and how much it has to do."""

    alive: bool
    last_seen: datetime | None
    running: int
    waiting: int
    pid: int | None = None


@dataclass(frozen=True, kw_only=True)
class JobView:
    """One job: queued, running, done, failed, cancelled, interrupted or paused."""

    id: str
    kind: str
    state: str
    phase: str
    done: int
    total: int
    message: str
    error: str | None
    result: Json | None
    created_at: datetime
    updated_at: datetime
    cancel_requested: bool = False
    attempts: int = 0


@dataclass(frozen=True, kw_only=True)
class EventView:
    """One line of a job's history."""

    number: int
    at: datetime
    kind: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Unsupported:
    """A node that the compiler cannot take, and what to do about it."""

    node: str
    op: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """A model in a list; accuracy (0 to 1) where trained weights are shipped."""

    name: str
    title: str
    family: str
    parameters: int
    macs: int
    trained: bool
    accuracy: float | None
    source: str  # "zoo" or "upload"


@dataclass(frozen=True, kw_only=True)
class LayerRow:
    """One node of a model; `legal_schemes` is empty where nothing can be pruned."""

    name: str
    op: str
    weight_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    macs: int
    parameters: int
    legal_schemes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ModelReport:
    """A model with its layers and its support report."""

    name: str
    title: str
    parameters: int
    macs: int
    input_shape: tuple[int, ...]
    classes: int
    layers: tuple[LayerRow, ...]
    nodes: int
    supported: bool
    unsupported: tuple[Unsupported, ...]


@dataclass(frozen=True, kw_only=True)
class PatternSetView:
    """An ordered set of 3x3 patterns; each is 9 zeros and ones in row order."""

    name: str
    patterns: tuple[tuple[int, ...], ...]
    preset: bool
    note: str = ""
    # Share of kernels whose best pattern is this one; empty where not measured.
    coverage: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DataCard:
    """A registered data set."""

    name: str
    title: str
    classes: int
    train: int
    test: int


@dataclass(frozen=True, kw_only=True)
class RungScore:
    """What a candidate is at one fidelity of the search, beside the dense net at the same."""

    fidelity: str
    accuracy: float
    accuracy_se: float | None = None
    loss: float | None = None
    latency_ms: float | None = None
    dense_accuracy: float | None = None


@dataclass(frozen=True, kw_only=True)
class Point:
    """Accuracy (0 to 1) against measured latency; the dense baseline is one."""

    accuracy: float
    latency_ms: float
    accuracy_se: float | None = None
    latency_spread_ms: float | None = None
    test_accuracy: float | None = None
    size_bytes: int | None = None
    memory_bytes: int | None = None
    fidelity: str = ""
    rungs: tuple[RungScore, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SearchSummary:
    """A search in a list."""

    id: str
    state: str
    model: str
    data: str
    device: str
    sampler: str
    created_at: datetime
    finished_trials: int
    total_trials: int
    best_speedup: float | None


@dataclass(frozen=True, kw_only=True)
class TrialRow:
    """One trial of a search; numbers are None until they are known."""

    id: str
    number: int
    state: str
    accuracy: float | None = None
    accuracy_se: float | None = None
    latency_ms: float | None = None
    latency_spread_ms: float | None = None
    speedup: float | None = None
    rate: float | None = None
    max_relative_error: float | None = None
    verified: bool = False
    on_front: bool = False
    candidate_label: str = ""
    error: str | None = None
    test_accuracy: float | None = None
    size_bytes: int | None = None
    memory_bytes: int | None = None
    predicted_ms: float | None = None  # before it was measured
    fidelity: str = ""  # of the accuracy; empty where the search has one only
    is_final: bool = True  # at the search's last rung
    rungs: tuple[RungScore, ...] = ()  # all its evaluations; empty where the search has one only
    origin: str = ""  # "by hand: ..." or "warm start: ..."; empty: the sampler proposed it


@dataclass(frozen=True, kw_only=True)
class ErrorView:
    """How far predicted latencies lay from measured ones, over candidates not learnt from."""

    median: float  # of |predicted - measured| / measured
    spearman: float
    count: int
    largest: float


@dataclass(frozen=True, kw_only=True)
class TableNetView:
    """A net in a latency table; `points` are (predicted, measured) ms of programs not learnt from.

    `is_checked` tells that they are fresh candidates, predicted first; otherwise the programs of
    the table itself, each left out in its turn.
    """

    name: str
    dense_ms: float
    programs: int
    checks: int
    is_checked: bool
    points: tuple[tuple[float, float], ...]
    error: ErrorView | None


@dataclass(frozen=True, kw_only=True)
class LatencyTableView:
    """A latency table; entries are (layer shape, choice) pairs, `twice` those that ran twice."""

    name: str
    device: str
    cpu: str
    target: str
    generator: str
    compiler: str
    programs: int
    entries: int
    twice: int
    nets: tuple[TableNetView, ...]


@dataclass(frozen=True, kw_only=True)
class ForecastView:
    """What a search's predicted latencies come from, and how they came true.

    `table_error` is that of the table before the search, `error` that of this search's own
    candidates, each predicted before it was measured.
    """

    source: str
    programs: int
    table_error: ErrorView | None
    error: ErrorView | None


@dataclass(frozen=True, kw_only=True)
class AskedCandidateView:
    """A candidate that somebody asked a search to try, and that it has not taken yet."""

    origin: str
    choices: Mapping[str, str]  # label of each pruned layer's choice


@dataclass(frozen=True, kw_only=True)
class SearchView(SearchSummary):
    """A search with its trials and its front (trial ids, by latency).

    `budget` holds what limits it now: trials, minutes, epochs; `workers` how many candidates train
    at once.
    """

    phase: str
    message: str
    elapsed_s: float
    eta_s: float | None
    dense: Point | None
    trials: tuple[TrialRow, ...]
    front: tuple[str, ...]
    cancel_requested: bool
    can_resume: bool
    error: str | None = None
    job_id: str | None = None
    config: Json | None = None  # CONFIG.yaml as it was started
    budget: Mapping[str, float] = field(default_factory=dict)
    workers: int = 2
    epochs_spent: int = 0
    asked: tuple[AskedCandidateView, ...] = ()
    pause_requested: bool = False
    forecast: ForecastView | None = None


@dataclass(frozen=True, kw_only=True)
class LayerView:
    """One layer of a candidate: what was asked, what came out, what it costs."""

    name: str
    op: str
    scheme: str
    rate_asked: float
    rate: float
    macs: int
    nonzero_macs: int
    ms: float | None
    dense_ms: float | None
    kernel: str
    source: str
    structure: str = ""  # the scheme's fields in words: pattern set, groups, blocks
    filter_type: str = "keep"  # what stands in the layer's place
    part_of: str = ""  # layer in whose place this one stands beside others
    total_ms: float | None = None  # of everything that stands in the layer's place
    format: str = ""
    tuned: bool = False
    weight_bytes: int = 0
    activation_bytes: int = 0
    # Beneath the machine's roof; None where no time or no peak is known.
    gflops: float | None = None
    peak_share: float | None = None
    intensity: float | None = None
    bound: str | None = None


@dataclass(frozen=True, kw_only=True)
class PeakView:
    """What the machine that was measured on reaches at most."""

    threads: int
    gflops: float
    read_gbps: tuple[tuple[int, float], ...]


@dataclass(frozen=True, kw_only=True)
class CandidateView:
    """A finished trial with its layers, generated sources and timing samples.

    `training` is the history of its pruning (`Pruned.history`); None of nets from before there was
    one.
    """

    id: str
    search_id: str
    accuracy: float
    accuracy_se: float
    test_accuracy: float | None
    dense_accuracy: float | None
    latency_ms: float
    dense_latency_ms: float | None
    speedup: float | None
    rate: float
    size_bytes: int
    memory_bytes: int | None
    max_relative_error: float
    layers: tuple[LayerView, ...]
    sources: tuple[tuple[str, str], ...]
    samples_ms: tuple[float, ...]
    plan_yaml: str
    fidelity: str = ""
    rungs: tuple[RungScore, ...] = ()  # empty where its search has one only
    peak: PeakView | None = None
    threads: int = 1
    training: Json | None = None
    predicted_ms: float | None = None  # before it was measured


@dataclass(frozen=True, kw_only=True)
class DeviceView:
    """A registered device; `local` is always there."""

    name: str
    kind: str  # "local" or "ssh"
    host: str
    port: int
    user: str
    fingerprint: str
    facts: Json | None
    probed_at: datetime | None
    current_release: str | None
    emulated: bool


@dataclass(frozen=True, kw_only=True)
class StepView:
    """One step of a deployment: waiting, running, done, skipped or failed."""

    name: str
    state: str
    seconds: float | None
    message: str


@dataclass(frozen=True, kw_only=True)
class DeploymentView:
    """One deployment with its steps; `state` is the state of its job."""

    id: str
    candidate_id: str
    device: str
    state: str
    release: str | None
    verified: bool
    max_relative_error: float | None
    latency_ms: float | None
    unchanged: bool
    steps: tuple[StepView, ...]
    created_at: datetime
    job_id: str = ""
    error: str | None = None
