"""`punchcard run`: a compiled package on this computer, with every sample of its latency."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from codegen.package import Package


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run_package)


def run_package(
    folder: Annotated[Path, typer.Argument(help="A folder made by 'punchcard compile'.")],
    values: Annotated[Path, typer.Option("--input", help="Input as .npy, f32.")],
    output: Annotated[Path, typer.Option("--output", help="Where the output goes, as .npy.")],
    repeat: Annotated[int, typer.Option("--repeat", min=1, max=1_000_000)] = 1,
    warmup: Annotated[int, typer.Option("--warmup", min=0, max=1_000_000)] = 0,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, max=64, help="Default: as compiled.")
    ] = None,
    profile: Annotated[bool, typer.Option("--profile", help="Time each layer too.")] = False,
    json_target: Annotated[
        str | None, typer.Option("--json", help="Write the report to a file, or - for stdout.")
    ] = None,
) -> None:
    """Run a package on an input and time it."""
    import io

    import numpy as np

    from backend.cli.progress import say, write_json
    from backend.devices.registry import LOCAL, open_agent
    from backend.storage.artifacts import write_whole
    from codegen.package import Package

    package = Package.open(folder)
    array = _read_input(values, package.input_shape)
    threads = threads or int(package.manifest.get("threads", 1))
    with open_agent(LOCAL) as agent:
        result = agent.run(
            folder,
            array.tobytes(),
            repeat=repeat,
            warmup=warmup,
            threads=threads,
            profile=profile,
        )
    buffer = io.BytesIO()
    np.save(buffer, np.frombuffer(result.output, "<f4").reshape(package.output_shape))
    write_whole(output, buffer.getvalue(), mode=0o644)
    report, table = _report(package, result.report, threads)
    for line in table.splitlines():
        say(line)
    if json_target is not None:
        write_json(report, json_target)
    say(f"median {report['median_ms']:.4f} ms of {len(report['samples_ms'])} runs, {output}")


def _read_input(path: Path, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    import zipfile

    import numpy as np

    from codegen.errors import PunchcardError

    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        msg = f"{path} is no .npy file of plain numbers ({error}): write it with numpy.save"
        raise PunchcardError(msg) from None
    shapes = (shape, shape[1:]) if shape[:1] == (1,) else (shape,)
    if not isinstance(array, np.ndarray) or array.shape not in shapes:
        found = getattr(array, "shape", "an archive")
        msg = f"{path} has shape {found}, the model takes {shape}: reshape it"
        raise PunchcardError(msg)
    if not np.issubdtype(array.dtype, np.number) or np.iscomplexobj(array):
        msg = f"{path} holds {array.dtype}, the model takes float32 numbers: convert it"
        raise PunchcardError(msg)
    return np.ascontiguousarray(array, dtype="<f4")


def _report(package: Package, report: dict[str, Any], threads: int) -> tuple[dict[str, Any], str]:
    """Join the program's times, which know layers by number, with names and the machine's roof.

    Returns:
        The report, and for a profiled run its layers as a table.
    """
    head = {"package": package.id, "target": package.manifest["target"]}
    times = report.pop("layers_ms", None)
    if times is None:
        return {**head, **report}, ""
    from backend.bench.peak import machine_peak
    from backend.bench.roofline import roofline, roofline_table
    from codegen.targets.registry import load_target

    programs = package.manifest.get("programs", [package.manifest["target"]])
    peak = machine_peak(load_target(programs[0]), threads)
    roofs = roofline(package.manifest["layers"], times, peak)
    report["layers"] = [roof.to_json() for roof in roofs]
    report["peak"] = peak.to_json()
    return {**head, **report}, roofline_table(roofs, peak)
