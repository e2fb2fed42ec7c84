"""A recorded stand-in for `backend.services`: the same functions over views kept in memory.

Page tests use it to put a page into any of its states without a worker; the browser tests of
`tests/e2e` use the real services.
"""

import importlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import fake_enhancement
import fake_latency
import numpy as np
from fake_finalization import finalization

from backend.services.errors import PunchcardError
from backend.services.finalizations import (
    ContestantChoice,
    FinalizationView,
    contestant_choices,
    default_settings,
)
from backend.services.pattern_views import CensusEntry, TradePoint
from backend.services.replacements import ReplaceableRow
from backend.services.search_space import FilterTypeCard, SpaceLayer, SpaceView
from backend.services.training import RecipeCard
from backend.services.views import (
    AskedCandidateView,
    CandidateView,
    DataCard,
    DeploymentView,
    DeviceView,
    JobView,
    LayerRow,
    LayerView,
    ModelCard,
    ModelReport,
    PatternSetView,
    PeakView,
    Point,
    SearchSummary,
    SearchView,
    StepView,
    TrialRow,
    Unsupported,
    WorkerStatus,
)

NOW = datetime.now(UTC)
SEARCH_ID = "5eac4001"
CONFIG: dict[str, Any] = {
    "model": "resnet20",
    "data": "sample",
    "device": "local",
    "sampler": "punchcard",
    "seed": 0,
    "budget": {"trials": 24},
    "workers": 2,
    "warm_start": [],
    "constraints": {"latency_ms": 3.0},
    "space": {
        "schemes": ["pattern", "block_punched"],
        "rates": [2.25, 4.0, 8.1],
        "patterns": "natural-8",
        "group": 4,
        "blocks": [[4, 1]],
        "balance": "balanced",
        "axes": "columns",
        "filter_types": ["keep"],
    },
    "training": {"images": 4000, "epochs": 1},
}
REPLACED: dict[str, Any] = {
    "of": "resnet20",
    "model": "resnet20-hard",
    "rows": [
        {"node": "features.0.silu", "before_ms": 0.4, "after_ms": 0.2, "share": 0.2, "gain": 0.1}
    ],
    "accuracy": {
        "original": {"accuracy": 0.91, "loss": 0.3, "count": 10_000, "standard_error": 0.003},
        "control": None,
        "replaced": {"accuracy": 0.80, "loss": 0.6, "count": 10_000, "standard_error": 0.004},
        "tuned": {"accuracy": 0.905, "loss": 0.31, "count": 10_000, "standard_error": 0.003},
    },
    "timing": {"before_ms": 2.0, "after_ms": 1.6, "speedup": 1.25, "is_unstable": False},
}
TRAINED: dict[str, Any] = {
    "of": "resnet20",
    "model": "resnet20-flowers",
    "best_epoch": 2,
    "notes": ["memory ran out: 32 examples are taken at once from here on"],
    "history": [
        {"number": n, "loss": 2.0 / n, "validation": {"loss": 1.0 / n, "accuracy": 0.4 * n}}
        for n in (1, 2)
    ],
    "before": {"accuracy": 0.1, "loss": 2.3, "count": 1000, "standard_error": 0.01},
    "test": {"accuracy": 0.79, "loss": 0.6, "count": 1000, "standard_error": 0.013},
}
NATURAL = (
    (0, 1, 0, 1, 1, 1, 0, 0, 0),
    (0, 1, 0, 1, 1, 0, 0, 1, 0),
    (0, 1, 0, 0, 1, 1, 0, 1, 0),
    (0, 0, 0, 1, 1, 1, 0, 1, 0),
    (1, 1, 0, 1, 1, 0, 0, 0, 0),
    (0, 1, 1, 0, 1, 1, 0, 0, 0),
    (0, 0, 0, 1, 1, 0, 1, 1, 0),
    (0, 0, 0, 0, 1, 1, 0, 1, 1),
)
LIBRARY = {
    "patterns": "resnet20-library",
    "stages": [
        {
            "before": 8,
            "after": 4,
            "counts": {"010111000": 40, "010110010": 30, "010011010": 20, "000111010": 5},
            "dropped_share": 0.05,
            "coverage": 0.95,
            "held": False,
        }
    ],
}
SOURCE = """#include <stdint.h>

/* punchcard 0.1.0, target x86_64-avx2, tile 4x16 */
void punchcard_f32_conv3x3_pattern_relu_microkernel_4x16__avx2(
    const punchcard_conv_shape* shape, const float* input, const float* weights,
    const uint16_t* metadata, float* output, const punchcard_params* params) {
  for (int32_t oc = 0; oc < shape->output_channels; oc += 4) {
    for (int32_t oy = 0; oy < shape->output_height; ++oy) {
      /* one pattern per group of filters: four loads, four fused multiply-adds */
    }
  }
}
"""
SCENARIOS = ("empty", "working", "full", "failed")


def layer_names() -> list[tuple[str, int, int, int]]:
    """ResNet-20's convolutions: name, input channels, output channels, output side."""
    rows = [("conv1", 1, 16, 28)]
    for stage, (width, side) in enumerate(((16, 28), (32, 14), (64, 7)), start=1):
        for block in range(3):
            first = width if stage == 1 or block else width // 2
            rows.append((f"layer{stage}.{block}.conv1", first, width, side))
            rows.append((f"layer{stage}.{block}.conv2", width, width, side))
    return rows


def trials(number: int) -> tuple[TrialRow, ...]:
    """Finished trials along a plausible front, with a few dominated and a failed one."""
    random = np.random.default_rng(7)
    rows = []
    for n in range(number):
        speedup = 1.3 + 3.2 * random.random()
        accuracy = 0.912 - 0.004 * max(0.0, speedup - 2) ** 1.6 - 0.012 * random.random()
        rows.append(
            TrialRow(
                id=f"{SEARCH_ID}-{n}",
                number=n,
                state="done",
                accuracy=accuracy,
                accuracy_se=0.0063,
                latency_ms=6.4 / speedup,
                latency_spread_ms=0.03 + 0.08 * random.random(),
                speedup=speedup,
                rate=1 + 1.6 * speedup,
                max_relative_error=2.1e-6,
                verified=True,
                candidate_label="pattern/4/natural-8/g8 ×12, block_punched/4/8x4 ×6",
            )
        )
    best = -1.0
    on_front = set()
    for row in sorted(rows, key=lambda r: r.latency_ms):
        if row.accuracy > best:
            best = row.accuracy
            on_front.add(row.id)
    rows = [replace(row, on_front=row.id in on_front) for row in rows]
    if number > 6:
        rows[3] = TrialRow(
            id=f"{SEARCH_ID}-3", number=3, state="failed", error="the compiler ran out of memory"
        )
    return tuple(rows)


ADMM_HISTORY = {
    "algorithm": "admm",
    "trainings": [
        {
            "name": name,
            "epochs": 1,
            "images": 4000,
            "history": [{"number": 1, "loss": loss, "learning_rate": 0.0, "validation": {}}],
        }
        for name, loss in (("admm", 1.2), ("fine-tune", 0.4))
    ],
    "repair": [{"name": "conv1", "criterion": "magnitude", "error": 0.02, "note": ""}],
    "updates": [
        {
            "update": number,
            "step": 20 * number,
            "stage": number,
            "rho": 0.01 * 4**number,
            "loss": 1.0,
            "library": 8,
            "layers": {
                "conv1": {"pattern": 0.5**number, "pattern_moved": 0.1, "connectivity": 0.6**number}
            },
        }
        for number in range(1, 5)
    ],
}


class FakeStudio:
    """The services of one scenario; calls that change something are recorded in `calls`."""

    finalization = ""  # state of the candidate's one, if there is one; kept over scenarios

    def __init__(self, scenario: str = "full", *, worker_alive: bool = True):
        self.scenario = scenario
        self.worker_alive = worker_alive
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.sets = {
            "natural-8": PatternSetView(
                name="natural-8",
                patterns=NATURAL,
                preset=True,
                note="The eight most frequent 4-entry patterns of the shipped ResNet-20.",
                coverage=(0.24, 0.19, 0.15, 0.12, 0.09, 0.08, 0.07, 0.06),
            ),
            "mine": PatternSetView(name="mine", patterns=NATURAL[:3], preset=False),
        }
        if scenario == "empty":
            self.sets = {}

    def set_scenario(self, scenario: str) -> None:
        """Switch to another scenario; what was recorded so far stays."""
        calls, alive = self.calls, self.worker_alive
        self.__init__(scenario, worker_alive=alive)  # type: ignore[misc]
        self.calls.extend(calls)

    # status
    def worker_status(self) -> WorkerStatus:
        seen = NOW - timedelta(minutes=4)
        running = int(self.scenario == "working")
        return WorkerStatus(alive=self.worker_alive, last_seen=seen, running=running, waiting=0)

    def database_problem(self) -> str | None:
        if self.scenario == "database":
            return "The database was made by a newer Punchcard (7 > 3): install that version."
        return None

    # models and data
    def list_models(self) -> list[ModelCard]:
        if self.scenario == "empty":
            return []
        common = {"family": "ResNet", "source": "zoo"}
        return [
            ModelCard(
                name="resnet8",
                title="ResNet-8",
                parameters=77_000,
                macs=12_500_000,
                trained=False,
                accuracy=None,
                **common,
            ),
            ModelCard(
                name="resnet20",
                title="ResNet-20",
                parameters=269_722,
                macs=31_000_000,
                trained=True,
                accuracy=0.9243,
                **common,
            ),
        ]

    def describe_model(self, name: str, data: str = "sample") -> ModelReport:
        if name not in ("resnet8", "resnet20"):
            raise PunchcardError(f"There is no model {name!r}; pick one of the list.")
        rows = [
            LayerRow(
                name=layer,
                op="conv",
                weight_shape=(oc, ic, 3, 3),
                output_shape=(1, oc, side, side),
                macs=oc * ic * 9 * side * side,
                parameters=oc * ic * 9,
                legal_schemes=("pattern", "block_punched", "filter", "unstructured"),
            )
            for layer, ic, oc, side in layer_names()
        ]
        rows.append(
            LayerRow(
                name="fc",
                op="linear",
                weight_shape=(10, 64),
                output_shape=(1, 10),
                macs=640,
                parameters=650,
                legal_schemes=("block",),
            )
        )
        failed = self.scenario == "failed"
        wrong = Unsupported(node="Loop_17", op="Loop", hint="export with a fixed number of steps")
        return ModelReport(
            name=name,
            title="ResNet-20",
            parameters=269_722,
            macs=31_000_000,
            input_shape=(1, 1, 28, 28),
            classes=10,
            layers=tuple(rows),
            nodes=73,
            supported=not failed,
            unsupported=(wrong,) if failed else (),
        )

    def submit_model(self, file_name: str, content: bytes) -> str:
        self.calls.append(("submit_model", (file_name, len(content))))
        return "job-import"

    def list_data(self) -> list[DataCard]:
        return [
            DataCard(
                name="sample",
                title="Fashion-MNIST (sample)",
                classes=10,
                train=10_000,
                test=10_000,
            )
        ]

    # patterns
    def list_pattern_sets(self) -> list[PatternSetView]:
        return list(self.sets.values())

    def save_pattern_set(self, name: str, patterns: Any, note: str = "") -> None:
        self.calls.append(("save_pattern_set", (name, tuple(patterns))))
        self.sets[name] = PatternSetView(
            name=name, patterns=tuple(patterns), preset=False, note=note
        )

    def delete_pattern_set(self, name: str) -> None:
        self.calls.append(("delete_pattern_set", (name,)))
        self.sets.pop(name, None)

    def study_patterns(self, model: str) -> tuple[CensusEntry, ...]:
        if self.scenario == "failed":
            raise PunchcardError(f"{model!r} has no 3x3 convolutions to take patterns from")
        shares = [(8 - place) / 36 for place in range(8)]
        return tuple(
            CensusEntry(
                cells=cells,
                count=int(3600 * share),
                share=share,
                covered=sum(shares[: place + 1]),
                energy=0.5 + 0.04 * place,
            )
            for place, (cells, share) in enumerate(zip(NATURAL, shares, strict=True))
        )

    def extract_patterns(
        self, model: str, size: int, method: str, *, target: str, mu: float
    ) -> PatternSetView:
        self.calls.append(("extract_patterns", (model, size, method, target, mu)))
        chosen = NATURAL[:size]
        return PatternSetView(
            name=f"{method}-{size}",
            patterns=chosen,
            preset=False,
            note=f"most frequent in {model}",
            coverage=tuple(1 / len(chosen) for _ in chosen),
        )

    def trade_patterns(self, model: str, size: int, target: str) -> tuple[TradePoint, ...]:
        if "avx2" in target:
            return (TradePoint(mu=0.0, energy=0.72, loads=32, patterns=NATURAL),)
        return (
            TradePoint(mu=0.0, energy=0.72, loads=9, patterns=NATURAL),
            TradePoint(mu=0.03, energy=0.66, loads=7, patterns=NATURAL[1:]),
        )

    def start_library(self, model: str, data: str, **options: Any) -> str:
        self.calls.append(("start_library", (model, data, options)))
        return "job-library"

    def list_filter_types(self) -> tuple[FilterTypeCard, ...]:
        words = {"keep": "As it is", "conv1x1": "1×1", "skip": "Skip"}
        return tuple(
            FilterTypeCard(name=name, title=title, says=f"{title}.")
            for name, title in words.items()
        )

    def list_menus(self) -> dict[str, dict[str, Any]]:
        full = {"filter_types": ["keep", "conv1x1", "skip"], "rates": [2.0, 5.0]}
        return {"sample": {}, "full": {**full, "pattern_rates": [2.25]}}

    def describe_space(self, config: dict[str, Any]) -> SpaceView | None:
        space = config["space"]
        own = space.get("layers") or {}
        if (own.get("fc0") or {}).get("schemes") == ["pattern"]:
            return SpaceView(problem="space.layers: 'fc0' has nothing to choose (pattern: no)")
        each = 1 + len(space["schemes"]) * len(space["rates"])
        layers = tuple(
            SpaceLayer(
                name=name,
                output_shape=(16, 28, 28),
                choices=each,
                filter_types=tuple(space["filter_types"]),
                schemes=("dense", *space["schemes"]),
                narrowed=name in own,
            )
            for name in ("layer1.0.conv1", "layer1.0.conv2", "fc0")
        )
        return SpaceView(layers=layers, size=each ** len(layers))

    def validate_patterns(self, patterns: Any) -> list[str]:
        found = []
        if len(set(patterns)) < len(patterns):
            found.append("Two patterns are the same; change or delete one.")
        if any(sum(p) == 0 for p in patterns):
            found.append("A pattern keeps no weight at all; punch at least one cell.")
        return found

    # searches
    def default_config(self) -> dict[str, Any]:
        return {**CONFIG, "constraints": {}}

    def validate_config(self, config: dict[str, Any]) -> list[str]:
        known = set(CONFIG)
        return [
            f"{key} is not a key of a search configuration" for key in config if key not in known
        ]

    def start_search(self, config: dict[str, Any], *, request_id: str) -> str:
        self.calls.append(("start_search", (config, request_id)))
        return SEARCH_ID

    def list_searches(self) -> list[SearchSummary]:
        if self.scenario == "empty":
            return []
        view = self.get_search(SEARCH_ID)
        fields = SearchSummary.__dataclass_fields__
        return [SearchSummary(**{name: getattr(view, name) for name in fields})]

    def get_search(self, search_id: str) -> SearchView:
        state = {
            "working": "running",
            "first": "running",
            "failed": "failed",
            "paused": "paused",
            "pausing": "running",
        }.get(self.scenario, "done")
        finished = {"working": 9, "failed": 0, "first": 0, "paused": 9}.get(self.scenario, 24)
        rows = trials(finished)
        if self.scenario == "first":
            rows = (TrialRow(id=f"{SEARCH_ID}-0", number=0, state="running"),)
        front = tuple(row.id for row in rows if row.on_front)
        best = max((row.speedup or 0.0 for row in rows), default=None)
        dense = Point(
            accuracy=0.9145,
            latency_ms=6.4,
            accuracy_se=0.0063,
            latency_spread_ms=0.09,
            test_accuracy=0.9112,
            size_bytes=1_080_000,
        )
        return SearchView(
            id=search_id,
            state=state,
            model="resnet20",
            data="sample",
            device="local",
            sampler="punchcard",
            created_at=NOW - timedelta(minutes=6),
            finished_trials=finished,
            total_trials=24,
            best_speedup=best,
            phase="fine-tune",
            message="candidate 10: fine-tuning, epoch 1 of 1" if state == "running" else "",
            elapsed_s=312.0,
            eta_s=420.0,
            dense=dense if finished else None,
            trials=rows,
            forecast=fake_latency.FORECAST if finished else None,
            front=front,
            cancel_requested=self.scenario == "pausing",
            pause_requested=self.scenario == "pausing",
            can_resume=state in ("failed", "paused"),
            budget={"trials": 24, "epochs": 60},
            workers=2,
            epochs_spent=2 * finished,
            asked=()
            if self.scenario != "working"
            else (AskedCandidateView(origin="mine.yaml", choices={"conv2": "filter/2"}),),
            error="The disk is full: free 200 MB, then resume." if state == "failed" else None,
            config=CONFIG,
        )

    def change_search(self, search_id: str, **changes: Any) -> str:
        if not (changes["trials"] or changes["minutes"] or changes["epochs"]):
            raise PunchcardError("the search cannot be changed so: give trials, minutes or epochs")
        self.calls.append(("change_search", (search_id, changes)))
        return search_id

    def enqueue_plan(self, search_id: str, plan: str, origin: str) -> str:
        if "magic" in plan:
            raise PunchcardError("layer 'conv1' has no magic/4 on its menu of this search")
        self.calls.append(("enqueue_plan", (search_id, plan, origin)))
        return search_id

    def trials_as_csv(self, search_id: str) -> bytes:
        return b"id,number\n"

    def trials_as_parquet(self, search_id: str) -> bytes:
        return b"PAR1"

    def cancel_search(self, search_id: str) -> None:
        self.calls.append(("cancel_search", (search_id,)))

    def pause_search(self, search_id: str) -> None:
        self.calls.append(("pause_search", (search_id,)))

    def resume_search(self, search_id: str) -> None:
        self.calls.append(("resume_search", (search_id,)))

    # replacements
    def list_replaceable(self, model: str, data: str = "sample") -> tuple[ReplaceableRow, ...]:
        if model == "vgg_small":
            return ()
        kinds = (
            ("silu", "hard_swish", 0.1423, 0.0551),
            ("sigmoid", "hard_sigmoid", 0.0692, 0.0476),
        )
        return tuple(
            ReplaceableRow(
                node=f"features.{number}.{op}",
                op=op,
                becomes=becomes,
                reason="NPAS phase 1",
                is_gate=op == "sigmoid",
                elements=1000,
                max_error=most,
                rms_error=rms,
            )
            for number in range(3)
            for op, becomes, most, rms in kinds
        )

    def start_replacement(self, model: str, data: str = "sample", **options: Any) -> str:
        self.calls.append(("start_replacement", (model, options)))
        return "job-gain" if options.get("measure_only") else "job-replace"

    # training
    def list_recipes(self) -> tuple[RecipeCard, ...]:
        numbers = {"batch": 64, "learning_rate": 0.02, "shift": 2}
        return (
            RecipeCard(
                name="scratch", title="From random weights", epochs=100, patience=0, **numbers
            ),
            RecipeCard(
                name="adapt", title="From the weights there are", epochs=10, patience=4, **numbers
            ),
        )

    def start_training(
        self, model: str, data: str, recipe: str, changes: Any = None, *, request_id: str
    ) -> str:
        self.calls.append(("start_training", (model, data, recipe, dict(changes or {}))))
        return "job-train"

    def living_training(self) -> JobView | None:
        return self.get_job("job-train") if self.scenario == "working" else None

    def resume_job(self, job_id: str) -> None:
        self.calls.append(("resume_job", (job_id,)))

    # finalizations
    def contestant_choices(self) -> tuple[ContestantChoice, ...]:
        return contestant_choices()

    def default_settings(self) -> dict[str, Any]:
        return default_settings()

    def start_finalization(self, candidate_id: str, settings: Any, **more: Any) -> str:
        self.calls.append(("start_finalization", (candidate_id, settings)))
        return "f1na1000"

    def list_finalizations(self, source: str) -> tuple[FinalizationView, ...]:
        return (self.get_finalization("f1na1000"),) if self.finalization else ()

    def get_finalization(self, finalization_id: str) -> FinalizationView:
        return finalization(self.finalization or "done")

    def cancel_finalization(self, finalization_id: str) -> None:
        self.calls.append(("cancel_finalization", (finalization_id,)))

    def pause_finalization(self, finalization_id: str) -> None:
        self.calls.append(("pause_finalization", (finalization_id,)))

    def resume_finalization(self, finalization_id: str) -> None:
        self.calls.append(("resume_finalization", (finalization_id,)))

    # candidates
    def get_candidate(self, trial_id: str) -> CandidateView:
        if not trial_id.startswith(SEARCH_ID):
            raise PunchcardError(f"There is no finished candidate {trial_id}; pick one of a front.")
        layers = []
        for number, (name, ic, oc, side) in enumerate(layer_names()):
            macs = oc * ic * 9 * side * side
            scheme = "dense" if number == 0 else ("pattern", "block_punched")[number % 2]
            rate = 1.0 if number == 0 else (4.0, 8.1, 2.25)[number % 3]
            dense_ms = macs / 8e6
            layers.append(
                LayerView(
                    name=name,
                    op="conv",
                    scheme=scheme,
                    structure="" if scheme == "dense" else "groups of 4, unbalanced",
                    rate_asked=rate,
                    rate=rate,
                    macs=macs,
                    nonzero_macs=int(macs / rate),
                    ms=dense_ms / (1 + 0.6 * (rate - 1)),
                    dense_ms=dense_ms,
                    kernel="conv3x3_pattern_4x16__avx2",
                    source="conv3x3-pattern-4x16.c",
                    format="pattern",
                    weight_bytes=18 * (number + 1) * 100,
                    activation_bytes=131_072,
                    gflops=20.0 + number,
                    peak_share=(20.0 + number) / 100,
                    intensity=4.0 + number,
                    bound="compute",
                )
            )
        random = np.random.default_rng(1)
        return CandidateView(
            id=trial_id,
            search_id=SEARCH_ID,
            accuracy=0.9081,
            accuracy_se=0.0064,
            test_accuracy=0.9049,
            dense_accuracy=0.9145,
            latency_ms=2.31,
            dense_latency_ms=6.4,
            speedup=2.77,
            rate=4.12,
            size_bytes=262_400,
            memory_bytes=712_000,
            max_relative_error=2.4e-6,
            layers=tuple(layers),
            sources=(("conv3x3-pattern-4x16.c", SOURCE), ("model.c", SOURCE), ("model.h", "")),
            samples_ms=tuple(float(x) for x in 2.31 + 0.04 * random.random(40)),
            plan_yaml="default: {scheme: dense}\nlayers:\n  conv1: {scheme: dense}\n",
            peak=PeakView(threads=1, gflops=100.0, read_gbps=((24_576, 300.0), (8 << 20, 30.0))),
            training=ADMM_HISTORY,
        )

    def layer_mask(self, trial_id: str, layer: str) -> np.ndarray:
        random = np.random.default_rng(len(layer))
        sizes = {name: (oc, ic) for name, ic, oc, _ in layer_names()}
        oc, ic = sizes[layer]
        chosen = random.integers(0, len(NATURAL), (oc, ic))
        mask = np.array(NATURAL, dtype=bool).reshape(-1, 3, 3)[chosen]
        return mask & (random.random((oc, ic)) < 0.55)[:, :, None, None]

    # devices
    def list_devices(self) -> list[DeviceView]:
        local = DeviceView(
            name="local",
            kind="local",
            host="",
            port=0,
            user="",
            fingerprint="",
            facts={
                "arch": "x86_64",
                "cpu": "Intel Xeon (2 cores)",
                "cores": 2,
                "memory_bytes": 8_200_000_000,
                "target": "x86_64-avx2",
            },
            probed_at=NOW - timedelta(minutes=9),
            current_release=None if self.scenario == "empty" else "r-8c1f22ab",
            emulated=False,
        )
        if self.scenario == "empty":
            return [local]
        pi = DeviceView(
            name="pi-desk",
            kind="ssh",
            host="192.168.1.40",
            port=22,
            user="pi",
            fingerprint="SHA256:Wm3nq8m3nC1W0p7mO6Z2w0y5m1b9q8r7t6y5u4i3o2p",
            facts=None,
            probed_at=None,
            current_release=None,
            emulated=False,
        )
        return [local, pi]

    def scan_host(self, host: str, port: int) -> str:
        self.calls.append(("scan_host", (host, port)))
        return "job-scan"

    def add_device(self, *args: Any, **kwargs: Any) -> None:
        self.calls.append(("add_device", args))

    def remove_device(self, name: str) -> None:
        self.calls.append(("remove_device", (name,)))

    def probe_device(self, name: str) -> str:
        self.calls.append(("probe_device", (name,)))
        return "job-probe"

    # deployments
    def start_deployment(
        self, candidate_id: str, device: str, *, request_id: str, tune_seconds: int
    ) -> str:
        call = (candidate_id, device, request_id, tune_seconds)
        self.calls.append(("start_deployment", call))
        return "job-deploy"

    def rollback_device(self, device: str) -> str:
        self.calls.append(("rollback_device", (device,)))
        return "job-rollback"

    def list_deployments(self) -> list[DeploymentView]:
        if self.scenario == "empty":
            return []
        state = {"working": "running", "failed": "failed"}.get(self.scenario, "done")
        states = {
            "done": ("done", "done", "done", "done"),
            "running": ("done", "running", "waiting", "waiting"),
            "failed": ("done", "done", "failed", "waiting"),
        }[state]
        notes = ("x86_64-avx2, 11 objects from the cache", "384 kB", "", "")
        steps = tuple(
            StepView(name=name, state=s, seconds=1.2 if s == "done" else None, message=note)
            for name, s, note in zip(
                ("build", "upload", "self_test", "switch"), states, notes, strict=True
            )
        )
        done = state == "done"
        view = DeploymentView(
            id="d-1",
            candidate_id=f"{SEARCH_ID}-5",
            device="local",
            state=state,
            release="r-8c1f22ab" if done else None,
            verified=done,
            max_relative_error=2.4e-6 if done else None,
            latency_ms=2.29 if done else None,
            unchanged=False,
            steps=steps,
            created_at=NOW - timedelta(minutes=2),
            job_id="job-deploy",
            error="The self-test differs by 3e-2 (limit 1e-4)." if state == "failed" else None,
        )
        return [view]

    # latency tables
    def list_tables(self) -> Any:
        return [] if self.scenario == "empty" else [fake_latency.TABLE]

    def tables_of(self, device: DeviceView) -> tuple[str, ...]:
        return (fake_latency.TABLE.name,) if device.kind == "local" else ()

    def start_table(self, device: str, model: str, menu: str, **options: Any) -> str:
        self.calls.append(("start_table", (device, model, menu, options["minutes"])))
        return "job-table"

    def table_file(self, name: str) -> bytes:
        return b"{}"

    def bring_in_table(self, file_name: str, content: bytes) -> str:
        raise PunchcardError(f"{file_name!r} is no latency table")

    def remove_table(self, name: str) -> None:
        self.calls.append(("remove_table", (name,)))

    # enhancement
    def list_nets(self) -> Any:
        return fake_enhancement.nets()

    def base_of(self, name: str) -> tuple[str, str]:
        raise PunchcardError(f"{name!r} is no candidate of a search: name the dense net beside it")

    def start_study(self, order: Any, files: Any = (), *, request_id: str | None = None) -> str:
        self.calls.append(("start_study", (order, files, request_id)))
        return fake_enhancement.STUDY_ID

    def list_studies(self, limit: int = 20) -> Any:
        if self.scenario == "empty":
            return []
        return [fake_enhancement.study(self.get_job(fake_enhancement.STUDY_ID))]

    def get_study(self, job_id: str) -> Any:
        return fake_enhancement.study(self.get_job(job_id))

    def picture_rows(self, job_id: str) -> Any:
        return fake_enhancement.picture_rows()

    def pictures_zip(self, job_id: str) -> bytes:
        return b"PK"

    # jobs
    def get_job(self, job_id: str) -> JobView:
        state = {"working": "running", "failed": "failed"}.get(self.scenario, "done")
        results = {
            "job-import": {"model": "resnet8"},
            "job-scan": {"fingerprint": "SHA256:abc", "host": "pi.local", "port": 22},
            "job-rollback": {"release": "r-1"},
            "job-library": LIBRARY,
            "job-replace": REPLACED,
            "job-gain": {**REPLACED, "model": None},
            "job-train": TRAINED,
            "job-table": {"table": "local-1a2b3c4d", "programs": 130, "coverage": 0.98},
        }
        return JobView(
            id=job_id,
            kind="job",
            state=state,
            phase="check",
            done=1,
            total=4,
            message="reading nodes",
            error="Loop_17 (Loop) cannot be compiled." if state == "failed" else None,
            result=results.get(job_id, {}) if state == "done" else None,
            created_at=NOW,
            updated_at=NOW,
        )

    def cancel_job(self, job_id: str) -> None:
        self.calls.append(("cancel_job", (job_id,)))

    def list_jobs(self, limit: int = 50) -> list[JobView]:
        return [self.get_job("job-import")]


MODULES = {
    "status": ("worker_status", "database_problem"),
    "models": ("list_models", "describe_model", "submit_model"),
    "data": ("list_data",),
    "patterns": (
        "list_pattern_sets",
        "save_pattern_set",
        "delete_pattern_set",
        "validate_patterns",
    ),
    "pattern_study": ("study_patterns", "extract_patterns", "trade_patterns"),
    "pattern_libraries": ("start_library",),
    "search_space": ("list_filter_types", "list_menus", "describe_space"),
    "searches": (
        "default_config",
        "validate_config",
        "start_search",
        "list_searches",
        "get_search",
        "cancel_search",
        "pause_search",
        "resume_search",
        "change_search",
    ),
    "enqueue": ("enqueue_plan",),
    "exports": ("trials_as_csv", "trials_as_parquet"),
    "training": ("list_recipes", "start_training", "living_training"),
    "replacements": ("list_replaceable", "start_replacement"),
    "finalizations": (
        "contestant_choices",
        "default_settings",
        "start_finalization",
        "list_finalizations",
        "get_finalization",
        "cancel_finalization",
        "pause_finalization",
        "resume_finalization",
    ),
    "candidates": ("get_candidate", "layer_mask"),
    "devices": ("list_devices", "scan_host", "add_device", "remove_device", "probe_device"),
    "latency_tables": (
        "list_tables",
        "tables_of",
        "start_table",
        "table_file",
        "bring_in_table",
        "remove_table",
    ),
    "deployments": ("start_deployment", "rollback_device", "list_deployments"),
    "enhancement": (
        "list_nets",
        "base_of",
        "start_study",
        "list_studies",
        "get_study",
        "picture_rows",
        "pictures_zip",
    ),
    "jobs": ("get_job", "cancel_job", "resume_job", "list_jobs"),
}


def install(studio: FakeStudio, set_attribute: Any = setattr) -> None:
    """Put a studio's functions in place of the real services'."""
    for name, functions in MODULES.items():
        module = importlib.import_module(f"backend.services.{name}")
        for function in functions:
            set_attribute(module, function, getattr(studio, function))
