"""Libraries of a model: linked by C programs, loaded by Python, several in one process."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from codegen.binding import CompiledModel, ModelError
from codegen.compiler import generate
from codegen.errors import ToolchainError
from codegen.ir import GraphBuilder
from codegen.targets.registry import load_target
from codegen.toolchain.build import build
from codegen.toolchain.library import check_prefix, with_prefix
from tests.fixtures.built_library import run_c, small_graph, write_library
from tests.fixtures.compiled_graph import random_inputs, relative_error, run_torch
from tests.fixtures.sshd import tool
from tests.fixtures.toolchain import toolchain_cache


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("library")
    write_library(made, small_graph())
    return made


@pytest.fixture
def model(folder: Path) -> Iterator[CompiledModel]:
    with CompiledModel(folder / "libmodel.so", folder / "weights.bin", threads=2) as made:
        yield made


def test_python_runs_the_library_and_gets_what_torch_computes(model: CompiledModel) -> None:
    inputs = random_inputs(small_graph())
    layer_ms = np.zeros(model.layers)
    got = model.run(inputs[0], layer_ms)
    wanted = run_torch(small_graph(), inputs)[0]
    assert relative_error(got, wanted.reshape(-1)) < 1e-5
    assert (layer_ms > 0).any()
    assert model.program.startswith("x86_64")


def test_instances_in_several_threads_do_not_disturb_each_other(folder: Path) -> None:
    inputs = [random_inputs(small_graph(), seed)[0] for seed in range(4)]
    wanted = [run_torch(small_graph(), [item])[0].reshape(-1) for item in inputs]
    wrong: list[float] = []

    def work(index: int) -> None:
        with CompiledModel(folder / "libmodel.so", folder / "weights.bin", threads=2) as made:
            errors = [relative_error(made.run(inputs[index]), wanted[index]) for _ in range(30)]
            wrong.extend(error for error in errors if error > 1e-5)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_an_instance_that_is_running_says_so(model: CompiledModel) -> None:
    """Two threads share an instance: each call either computes everything or is refused."""
    values = random_inputs(small_graph())[0]
    wanted = model.run(values)
    refused, done = [], []

    def work() -> None:
        for _ in range(200):
            try:
                done.append(np.array_equal(model.run(values), wanted))
            except ModelError as error:
                refused.append("running in another thread" in str(error))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(done)
    assert all(refused)
    assert len(done) + len(refused) == 400


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"threads": 0}, "1 to 64"),
        ({"threads": 1000}, "1 to 64"),
        ({"threads": 2, "first_core": 1_000_000}, "cores"),
        ({"program": "x86_64-generic"}, "not one of this model"),
        ({"prefix": "other"}, "prefix"),
    ],
)
def test_each_wrong_option_has_its_words(
    folder: Path, options: dict[str, object], words: str
) -> None:
    with pytest.raises(ModelError, match=words):
        CompiledModel(folder / "libmodel.so", folder / "weights.bin", **options)  # type: ignore[arg-type]


def test_weights_that_do_not_belong_to_the_model_are_refused(folder: Path, tmp_path: Path) -> None:
    weights = (folder / "weights.bin").read_bytes()
    altered = bytearray(weights)
    altered[len(weights) // 2] ^= 1
    for name, data in (
        ("short", weights[:-64]),
        ("long", weights + bytes(64)),
        ("altered", bytes(altered)),
        ("empty", b""),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ModelError, match="truncated, altered"):
            CompiledModel(folder / "libmodel.so", tmp_path / name)
    with pytest.raises(ModelError, match="cannot be read"):
        CompiledModel(folder / "libmodel.so", tmp_path / "absent")
    with pytest.raises(ModelError, match="truncated, altered"):
        CompiledModel(folder / "libmodel.so", tmp_path)


def test_wrong_arrays_and_closed_models_are_told(model: CompiledModel) -> None:
    values = random_inputs(small_graph())[0]
    with pytest.raises(ModelError, match="1080 input values"):
        model.run(values[:, :, 1:])
    with pytest.raises(ModelError, match="layer_ms"):
        model.run(values, np.zeros(model.layers + 1))
    model.close()
    with pytest.raises(ModelError, match="closed"):
        model.run(values)


def test_the_shared_library_shows_its_interface_alone(folder: Path) -> None:
    listed = subprocess.run(
        ["nm", "-D", "--defined-only", "libmodel.so"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    names = {line.split()[-1] for line in listed.stdout.splitlines()}
    assert names == {
        f"punchcard_{word}"
        for word in (
            "get_info",
            "error_text",
            "default_options",
            "create",
            "create_with",
            "create_from_file",
            "run",
            "run_profiled",
            "destroy",
            "program_name",
            "missing_feature",
        )
    }


def test_the_library_neither_prints_nor_exits_nor_keeps_mutable_data(folder: Path) -> None:
    listed = subprocess.run(
        ["nm", "libmodel.a"], cwd=folder, capture_output=True, text=True, check=True
    )
    pairs = [line.split()[-2:] for line in listed.stdout.splitlines() if line.split()[1:]]
    undefined = {name for kind, name in pairs if kind == "U"}
    assert undefined.isdisjoint({"printf", "fprintf", "puts", "exit", "abort", "_exit", "write"})
    # d and D: tables of pointers, constant once they are relocated; the rest would be variables.
    assert not [name for kind, name in pairs if kind in "bBC"]


@pytest.mark.parametrize("sanitize", [False, "thread"])
def test_two_models_link_into_one_program(tmp_path: Path, sanitize: bool) -> None:
    for index, prefix in enumerate(("first", "second")):
        write_library(
            tmp_path / prefix,
            small_graph(prefix, 16 + 8 * index),
            prefix=prefix,
            sanitize="thread" if sanitize else False,
        )
        header = (tmp_path / prefix / "model.h").read_text()
        assert "punchcard" not in header.lower().replace("punchcard's", "")
        (tmp_path / f"{prefix}.h").write_text(header)
    archives = [tmp_path / prefix / "libmodel.a" for prefix in ("first", "second")]
    weights = [tmp_path / prefix / "weights.bin" for prefix in ("first", "second")]
    flags = ("-fsanitize=thread",) if sanitize else ()
    done = run_c("two_models", tmp_path, archives, weights, *flags)
    assert done.returncode == 0, done.stderr[:2000]


def test_every_call_to_the_system_may_fail_without_a_leak(tmp_path: Path) -> None:
    write_library(tmp_path, small_graph(), sanitize=True)
    wrapped = ("calloc", "aligned_alloc", "mmap")
    wrapped += ("pthread_mutex_init", "pthread_cond_init", "pthread_create")
    flags = [f"-Wl,--wrap={name}" for name in wrapped]
    done = run_c(
        "failing_calls",
        tmp_path,
        [tmp_path / "libmodel.a"],
        [tmp_path / "weights.bin"],
        "-fsanitize=address,undefined",
        *flags,
    )
    assert done.returncode == 0, done.stdout + done.stderr[:3000]
    # The instance, its arena, the mapping, lock, condition, list of workers and three threads.
    assert done.stdout == "9 calls\n"


@pytest.mark.parametrize("prefix", ["", "1a", "A", "a-b", "a" * 32, "a b"])
def test_prefixes_that_are_no_names_are_refused(prefix: str) -> None:
    with pytest.raises(ToolchainError, match="prefix"):
        check_prefix(prefix)


def test_a_prefix_replaces_names_and_nothing_else() -> None:
    text = '#include "punchcard-f32.h"\nint punchcard_run(PUNCHCARD_OK); not_punchcard_x'
    assert with_prefix(text, "net") == (
        '#include "punchcard-f32.h"\nint net_run(NET_OK); not_punchcard_x'
    )
    assert with_prefix(text, "punchcard") is text


def test_one_binary_takes_the_program_that_it_is_told_to(tmp_path: Path) -> None:
    bundle = write_library(tmp_path, small_graph(), target=load_target("x86_64"))
    assert bundle.manifest["programs"] == ["x86_64-avx512", "x86_64-avx2", "x86_64-generic"]
    inputs = random_inputs(small_graph())
    wanted = run_torch(small_graph(), inputs)[0].reshape(-1)
    ran = []
    for name in (None, *bundle.manifest["programs"]):
        try:
            made = CompiledModel(tmp_path / "libmodel.so", tmp_path / "weights.bin", program=name)
        except ModelError as error:
            assert "lacks" in str(error)
            continue
        with made:
            assert relative_error(made.run(inputs[0]), wanted) < 1e-5
            ran.append(made.program)
    assert ran[0] == ran[1]
    assert "x86_64-generic" in ran


def test_denormals_count_as_zero_while_a_model_runs_and_only_then(tmp_path: Path) -> None:
    builder = GraphBuilder("tiny")
    x = builder.input((1, 64))
    weight = builder.weight("w", np.full((40, 64), 2.0, dtype=np.float32))
    graph = builder.build(builder.add("linear", x, name="y", weights={"weight": weight}))
    write_library(tmp_path, graph)
    values = np.full((1, 64), 1e-39, dtype=np.float32)
    for keeps in (False, True):
        with CompiledModel(
            tmp_path / "libmodel.so", tmp_path / "weights.bin", threads=2, keeps_denormals=keeps
        ) as made:
            assert (made.run(values) > 0).all() == keeps
        # The caller's thread has its own setting again.
        assert (values * np.float32(2) > 0).all()


def test_the_processor_that_lacks_instructions_is_named(tmp_path: Path) -> None:
    """QEMU's processor has SSE2 alone: one instruction set is refused, three fall back."""
    graph = small_graph()
    inputs = random_inputs(graph)
    (tmp_path / "x").write_bytes(inputs[0].tobytes())
    for name in ("x86_64-avx2", "x86_64"):
        bundle = generate(graph, load_target(name))
        binary = build(bundle, load_target(name), cache_dir=toolchain_cache())
        (tmp_path / "model").write_bytes(binary.elf)
        (tmp_path / "model").chmod(0o755)
        (tmp_path / "w").write_bytes(bundle.weights)
        command = [tool("qemu-x86_64-static"), "-cpu", "Nehalem", "./model"]
        command += ["--weights", "w", "--input", "x", "--threads", "2", "--json", "-"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        if name == "x86_64":
            assert done.returncode == 0, done.stderr
            assert '"program":"x86_64-generic"' in done.stdout
        else:
            assert done.returncode == 7
            lines = [line for line in done.stderr.splitlines() if line.startswith("model: ")]
            assert len(lines) == 1
            assert "lacks instructions" in lines[0]
            assert "avx2" in lines[0]
