"""One run of a search, from its row to its front; a later run goes on where this one ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from backend.config.search_file import parse_config
from backend.devices.compilation import toolchain_cache
from backend.jobs.context import JobContext
from backend.search.chosen_table import with_table
from backend.search.executor import Executor
from backend.search.executors.order import ExecutorOrder, open_executor
from backend.search.layer_reconstruction import needs_layers, reconstruct_layers, store_of
from backend.search.preparation import Prepared, prepare
from backend.search.reachability import refuse_unreachable
from backend.search.records import SearchRecords
from backend.search.search_device import SearchDevice, open_device
from backend.search.search_run import SearchRun
from backend.search.surroundings import Surroundings
from backend.search.trainers import TrainerGate
from backend.storage.artifacts import open_artifacts
from backend.storage.settings import Settings
from codegen.ir.storage import save_graph

ExecutorFactory = Callable[[ExecutorOrder], Executor]
DeviceFactory = Callable[[str, Settings], AbstractContextManager[SearchDevice]]


def run_search_job(context: JobContext) -> Mapping[str, Any]:
    """The job function of kind "search"; its payload is `search_id`."""
    return run_search(context, str(context.payload["search_id"]))


def run_search(
    context: JobContext,
    search_id: str,
    *,
    make_executor: ExecutorFactory = open_executor,
    find_device: DeviceFactory = open_device,
) -> Mapping[str, Any]:
    """Run or resume a search until its budget is spent, then score its front on test images.

    Raises:
        PunchcardError: model, data, device or configuration do not allow it.
        CancelledError: it was cancelled or paused; finished trials stay.
        FencedError: another runner has taken it up.
    """
    records = SearchRecords(context, search_id)
    config = parse_config(records.config, f"search {search_id}")
    total = config.budget.trials or 0
    context.progress("preparing", 0, total, "opening the model, the images and the device")
    prepared = prepare(config, context.database, open_artifacts(context.settings))
    records.check_identity(prepared.digests, prepared.details)
    folder = context.settings.artifacts / "searches" / search_id
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    gate = TrainerGate(context.settings.home)
    log = context.settings.logs / f"search-{search_id}.log"
    with find_device(config.device, context.settings) as device:
        prepared = with_table(prepared, device, context.settings, folder)
        refuse_unreachable(prepared, device.target)
        store = store_of(prepared, context.settings)
        setup = evaluator_setup(prepared, device.target, folder, context.settings)
        setup["layers"] = str(store.folder)
        order = ExecutorOrder(config.executor, context.settings, setup, gate, log, config.workers)
        executor = make_executor(order)
        try:
            run = Surroundings(context, records, prepared, device, executor, gate, folder)
            if needs_layers(prepared):
                run = reconstruct_layers(run, store)
            return SearchRun(run).run()
        finally:
            executor.close()


def evaluator_setup(
    prepared: Prepared, target: str, folder: Path, settings: Settings
) -> dict[str, Any]:
    """What evaluators are told before their first task; the base model is put into the folder."""
    base = folder / "base.safetensors"
    if not base.exists():
        save_graph(prepared.graph, base)
    config = prepared.config
    return {
        "graph": str(base),
        "data": config.data,
        "data_digest": prepared.data.digest,
        "training": config.training.model_dump(mode="json"),
        "seed": config.seed,
        "target": target,
        "cache": str(toolchain_cache(settings)),
        "pattern_sets": [item.to_json() for item in prepared.pattern_sets.values()],
    }
