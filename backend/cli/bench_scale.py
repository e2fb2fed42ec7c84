"""`punchcard bench scale`: large studies, and a cluster that grows."""

from __future__ import annotations

from typing import Annotated, Any

import typer


def register(bench: typer.Typer) -> None:
    """Add the command."""
    bench.command("scale")(bench_scale)


def bench_scale(
    trials: Annotated[
        int, typer.Option(min=0, help="Finished trials of the study that is timed; 0: none.")
    ] = 10_000,
    model: Annotated[str, typer.Option(help="Whose menu the study is over.")] = "resnet20",
    samplers: Annotated[
        str, typer.Option(help="Samplers to ask, with commas.")
    ] = "punchcard,npas,random",
    workers: Annotated[
        str, typer.Option(help="Ray evaluators, with commas; empty: no cluster.")
    ] = "1,2,4,8",
    each: Annotated[int, typer.Option(min=1, help="Trials of each evaluator.")] = 50,
    seconds: Annotated[float, typer.Option(min=0.0, help="That an evaluation sleeps.")] = 1.0,
    address: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="A running cluster; empty: one of its own.")
    ] = "",
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the numbers; - is stdout.")
    ] = None,
) -> None:
    """Time page and samplers on a large study, and trials a second of 1 to 8 Ray evaluators."""
    from contextlib import nullcontext

    from backend.bench.scale.cluster_throughput import cluster_throughput
    from backend.bench.scale.own_cluster import own_cluster
    from backend.bench.scale.study_times import study_times
    from backend.cli.progress import say, write_json
    from backend.search.samplers import check_sampler

    names = [name.strip() for name in samplers.split(",") if name.strip()]
    for name in names:
        check_sampler(name)
    counts = [int(word) for word in workers.split(",") if word.strip().isdecimal()]
    report: dict[str, Any] = {"study": None, "cluster": []}
    if trials:
        report["study"] = found = study_times(trials, names, model=model, say=say)
        say(f"page: first {found['page_first_s']:.2f} s, then {1000 * found['page_s']:.0f} ms")
    if counts:
        cluster = nullcontext(address) if address else own_cluster(max(counts))
        with cluster as place:
            for count in counts:
                row = cluster_throughput(place, count, each * count, seconds=seconds)
                report["cluster"].append(row)
                first = report["cluster"][0]
                row["scaling"] = round(row["efficiency"] / first["efficiency"], 4)
                say(
                    f"{count} evaluators: {row['trials_per_s']:.2f} trials/s, efficiency "
                    f"{row['efficiency']:.3f}, {row['scaling']:.3f} of the first row's rate each"
                )
    if json is not None:
        write_json(report, json)
