"""Which latency table a search uses; it is the same one after a resume."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from backend.latency.errors import LatencyError
from backend.latency.new_learner import table_learner, table_pairs
from backend.latency.prediction_error import PredictionError
from backend.latency.signature import layer_signatures, net_digest
from backend.latency.table import LatencyTable
from backend.latency.table_store import TableStore, read_table
from backend.search.preparation import Prepared
from backend.search.search_device import SearchDevice
from backend.storage.artifacts import write_whole
from backend.storage.kept_folders import KeptFolders
from backend.storage.settings import Settings

TABLE_FOLDER, TABLE_FILE = "latency", "table.json"
_NONE = b"null\n"


def with_table(
    prepared: Prepared, device: SearchDevice, settings: Settings, folder: Path
) -> Prepared:
    """The search with the predictions of the table it uses.

    The table is chosen at the search's first run and copied into its folder, so that a resumed
    search proposes what it would have proposed, whatever became of the installation's tables.

    Args:
        prepared: the search.
        device: it measures on.
        settings: the installation, with its tables.
        folder: of the search.

    Raises:
        LatencyError: a table was named and there is none, or it cannot be read.
    """
    folders = KeptFolders(settings)
    place = folders.path(folders.name(folder / TABLE_FOLDER))
    path = place / TABLE_FILE
    if not path.exists():
        chosen = _chosen(prepared, device, settings)
        write_whole(path, _NONE if chosen is None else chosen.to_json().encode())
        folders.keep(place)
    if path.read_bytes() == _NONE:
        return prepared
    table = read_table(path)
    graph, labels = prepared.graph, prepared.space.labels
    learner = table_learner(graph, labels, table)
    learner.error = PredictionError.of_pairs(table_pairs(graph, labels, table))
    problem = replace(prepared.problem, latency=learner.model())
    return replace(prepared, problem=problem)


def _chosen(prepared: Prepared, device: SearchDevice, settings: Settings) -> LatencyTable | None:
    named = prepared.config.latency_table
    store = TableStore(settings)
    if named == "none":
        return None
    if named == "auto":
        net = net_digest(layer_signatures(prepared.graph, prepared.space.layers))
        found = store.fitting(device.identity, device.target, net)
        return None if found is None else found.table
    if named in store.names():
        return store.read(named)
    if Path(named).is_file():
        return read_table(Path(named))
    known = ", ".join(store.names()) or "none"
    msg = f"latency_table: there is no file and no table {named!r}; tables here: {known}"
    raise LatencyError(msg)
