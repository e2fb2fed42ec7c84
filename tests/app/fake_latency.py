"""A latency table of the recorded studio, and what its search predicted."""

from __future__ import annotations

from backend.services.views import ErrorView, ForecastView, LatencyTableView, TableNetView

ERROR = ErrorView(median=0.021, spearman=0.993, count=100, largest=0.11)
POINTS = tuple((0.1 * k * (1.02 if k % 2 else 0.98), 0.1 * k) for k in range(1, 40))

TABLE = LatencyTableView(
    name="local-1a2b3c4d",
    device="local",
    cpu="Intel Xeon (2 cores)",
    target="x86_64-avx512",
    generator="punchcard 0.1",
    compiler="zig 0.15",
    programs=130,
    entries=420,
    twice=411,
    nets=(
        TableNetView(
            name="resnet20",
            dense_ms=0.34,
            programs=130,
            checks=100,
            is_checked=True,
            points=POINTS,
            error=ERROR,
        ),
    ),
)

FORECAST = ForecastView(
    source="table of local: 130 programs",
    programs=131,
    table_error=ERROR,
    error=ErrorView(median=0.034, spearman=0.97, count=22, largest=0.09),
)
