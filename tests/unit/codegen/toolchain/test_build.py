"""A hand-written bundle through every compiler: same bytes, cached objects, clear errors."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest

from codegen.bundle import SourceFile
from codegen.errors import ToolchainError
from codegen.targets import TARGETS, host_target, load_target
from codegen.toolchain.build import Binary, build
from codegen.toolchain.compiler import cc_compiler, zig_compiler
from codegen.toolchain.object_cache import ObjectCache, cache_key
from tests.fixtures.hand_model import hand_bundle
from tests.fixtures.toolchain import shared_zig_libraries


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of this module's own, with zig's C libraries taken from the shared one."""
    folder = tmp_path_factory.mktemp("toolchain")
    (folder / "zig").mkdir()
    (folder / "zig" / "global").symlink_to(shared_zig_libraries(), target_is_directory=True)
    return folder


def self_test(folder: Path, binary: Binary) -> subprocess.CompletedProcess[str]:
    bundle, values, expected = hand_bundle()
    for name, data in (
        ("model", binary.elf),
        ("w", bundle.weights),
        ("x", values.tobytes()),
        ("y", expected.tobytes()),
    ):
        (folder / name).write_bytes(data)
    (folder / "model").chmod(0o755)
    command = ["./model", *["--weights", "w", "--input", "x", "--self-test", "y", "--json", "-"]]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["zig", "gcc", "clang", "sanitizers"])
def test_program_of_every_compiler_passes_its_self_test(
    name: str, cache_dir: Path, tmp_path: Path
) -> None:
    compiler = cc_compiler(name) if name in ("gcc", "clang") else None
    binary = build(
        hand_bundle()[0],
        host_target(),
        compiler=compiler,
        cache_dir=cache_dir,
        sanitize=name == "sanitizers",
    )
    result = self_test(tmp_path, binary)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["max_relative_error"] < 1e-5


def test_two_builds_in_different_folders_give_the_same_bytes(
    cache_dir: Path, tmp_path: Path
) -> None:
    bundle = hand_bundle()[0]
    first = build(bundle, host_target(), cache_dir=cache_dir)
    # Objects and link are made anew; only zig's own C library is taken over.
    (tmp_path / "zig").mkdir()
    (tmp_path / "zig" / "global").symlink_to(shared_zig_libraries(), target_is_directory=True)
    second = build(bundle, host_target(), cache_dir=tmp_path)
    assert second.elf == first.elf
    for path in (str(cache_dir), str(tmp_path), "/tmp/punchcard", str(Path.home())):
        assert path.encode() not in first.elf


def test_every_target_takes_the_runner_and_the_model(cache_dir: Path) -> None:
    for target in TARGETS.values():
        machine = build(hand_bundle()[0], target, cache_dir=cache_dir).elf[18]
        assert machine == {"x86_64": 0x3E, "aarch64": 0xB7, "arm": 0x28}[target.arch]


def test_link_does_not_depend_on_the_processor_so_a_c_library_is_built_once() -> None:
    zig = zig_compiler()
    flags = {zig.link_flags(target) for target in TARGETS.values() if target.arch == "aarch64"}
    assert len(flags) == 1
    assert any("-mcpu=cortex_a76" in flag for flag in zig.compile_flags(load_target("aarch64-a76")))


def test_second_build_compiles_nothing(cache_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = hand_bundle()[0]
    first = build(bundle, host_target(), cache_dir=cache_dir)

    def refuse(*_arguments: object, **_options: object) -> None:
        pytest.fail("a compiler was started")

    monkeypatch.setattr("codegen.toolchain.workshop.run_command", refuse)
    assert build(bundle, host_target(), cache_dir=cache_dir) == first


def test_changed_header_is_compiled_again(cache_dir: Path) -> None:
    bundle = hand_bundle()[0]
    broken = [
        replace(file, text=file.text.replace("float *left", "double *left"))
        if file.name == "hand-dot.h"
        else file
        for file in bundle.files
    ]
    with pytest.raises(ToolchainError, match="hand-dot.c"):
        build(replace(bundle, files=tuple(broken)), host_target(), cache_dir=cache_dir)


def test_compiler_error_is_one_sentence_and_its_log_is_kept(cache_dir: Path) -> None:
    bundle = hand_bundle()[0]
    wrong = SourceFile("wrong.c", "int wrong(void);\nint wrong(void) { return 1.5; }\n")
    with pytest.raises(ToolchainError) as error:
        build(replace(bundle, files=(*bundle.files, wrong)), host_target(), cache_dir=cache_dir)
    message = str(error.value)
    assert "wrong.c" in message
    assert "in the line `int wrong(void) { return 1.5; }`" in message
    assert "\n" not in message
    log = Path(message.split("log is ")[1].rstrip(")"))
    assert "1.5" in log.read_text()


@pytest.mark.parametrize("name", ["../up.c", "-o.c", "a b.c", "@file.c", "x.s", "A.c"])
def test_file_names_that_a_compiler_could_misread_are_refused(name: str, cache_dir: Path) -> None:
    bundle = hand_bundle()[0]
    files = (*bundle.files, SourceFile(name, ""))
    with pytest.raises(ToolchainError, match="name"):
        build(replace(bundle, files=files), host_target(), cache_dir=cache_dir)


@pytest.mark.parametrize("path", ["/no/such/cc", "", "-fplugin=x", "/bin/false"])
def test_missing_compiler_is_told_in_one_sentence(path: str) -> None:
    with pytest.raises(ToolchainError) as error:
        cc_compiler(path)
    assert "\n" not in str(error.value)


def test_altered_cache_entry_counts_as_absent(tmp_path: Path) -> None:
    cache, key = ObjectCache(tmp_path), cache_key(["a"])
    cache.put(key, b"content")
    assert cache.get(key) == b"content"
    path = next(path for path in tmp_path.rglob("*") if path.is_file())
    path.write_bytes(path.read_bytes()[:-1])
    assert cache.get(key) is None


def test_cache_keys_do_not_run_together() -> None:
    assert cache_key(["ab", "c"]) != cache_key(["a", "bc"])


def _build_in_process(cache_dir: str) -> bytes:
    bundle = hand_bundle(rows=11)[0]
    return build(bundle, host_target(), cache_dir=Path(cache_dir)).elf


def test_two_processes_build_into_one_cache(cache_dir: Path) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        first, second = pool.map(_build_in_process, [str(cache_dir)] * 2)
    assert first == second
