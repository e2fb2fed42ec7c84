"""The job of a finalisation, from its row to its verified net."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.config.finalize_file import parse_finalize
from backend.finalization.records import FinalizationRecords
from backend.finalization.source import facts_of, open_source
from backend.jobs.context import JobContext
from backend.search.search_device import open_device


def finalize(context: JobContext) -> Mapping[str, Any]:
    """Run or resume the finalisation that the payload names; the result has its `candidate`.

    Raises:
        PunchcardError: the candidate, its data set or its device are gone, or nothing came through.
        CancelledError: it was cancelled or paused; what has ended stays.
        FencedError: another runner has taken it up.
    """
    records = FinalizationRecords(context, str(context.payload["finalization"]))
    settings = parse_finalize(records.row.settings)
    context.progress("opening", 0, 1000, "opening the dense net, the images and the device")
    facts = facts_of(records.row, context.database)
    source = open_source(facts, context.database, context.settings)
    folder = context.settings.home / records.row.folder
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    import torch

    from backend.finalization.run import FinalizationRun

    torch.set_num_threads(1)  # a second thread only spins where the machine is shared
    with open_device(facts.device, context.settings) as device:
        return FinalizationRun(context, records, source, settings, device, folder).run()
