"""Models, data, patterns, replacements and trainings of the recorded studio."""

from typing import Any

from fake_recorder import Recorder
from fake_records import NATURAL, layer_names

from backend.services.errors import PunchcardError
from backend.services.pattern_views import CensusEntry, TradePoint
from backend.services.replacements import ReplaceableRow
from backend.services.search_space import FilterTypeCard, SpaceLayer, SpaceView
from backend.services.training import RecipeCard
from backend.services.views import (
    DataCard,
    JobView,
    LayerRow,
    ModelCard,
    ModelReport,
    PatternSetView,
    Unsupported,
)


class FakeModels(Recorder):
    """Services about nets and what they are made from."""

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
        own = {"filter_types": ["keep"], "rates": [2.25, 4.0, 8.1]}
        return {"sample": own, "full": {**full, "pattern_rates": [2.25]}}

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
