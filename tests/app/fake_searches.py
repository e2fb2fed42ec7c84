"""Searches, finalizations and candidates of the recorded studio."""

from datetime import timedelta
from typing import Any

import fake_latency
import numpy as np
from fake_finalization import finalization
from fake_recorder import Recorder
from fake_records import ADMM_HISTORY, CONFIG, NATURAL, NOW, SEARCH_ID, SOURCE, layer_names, trials

from backend.services.errors import PunchcardError
from backend.services.finalizations import (
    ContestantChoice,
    FinalizationView,
    contestant_choices,
    default_settings,
)
from backend.services.views import (
    AskedCandidateView,
    CandidateView,
    LayerView,
    PeakView,
    Point,
    SearchSummary,
    SearchView,
    TrialRow,
)


class FakeSearches(Recorder):
    """Services about searches and what they found."""

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
