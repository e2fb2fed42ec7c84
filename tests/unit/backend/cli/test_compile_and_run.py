"""compile, run, deploy, rollback and devices as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from backend.cli.main import main
from backend.models.reference_run import reference_output
from backend.models.zoo import build_model
from backend.storage.settings import load_settings
from codegen.exchange.onnx_exporter import export_onnx
from codegen.ir import GraphBuilder
from codegen.ir.graph import Graph
from codegen.ir.storage import save_graph
from tests.fixtures.toolchain import toolchain_cache


@pytest.fixture(autouse=True)
def shared_toolchain(private_home: Path) -> None:
    settings = load_settings()
    settings.make_folders()
    (settings.cache / "toolchain").symlink_to(toolchain_cache(), target_is_directory=True)


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    graph = build_model("resnet8", input_shape=(1, 8, 8), classes=3, width=0.5)
    save_graph(graph, tmp_path / "net.safetensors")
    return graph


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines, "nothing was said"
    return lines[-1]


def test_compiled_net_runs_and_equals_torch(
    graph: Graph, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "package"
    words = ["compile", str(tmp_path / "net.safetensors"), "--target", "host", "--out", str(out)]
    assert main(words) == 0
    values = np.random.default_rng(1).standard_normal((1, 1, 8, 8)).astype(np.float32)
    np.save(tmp_path / "x.npy", values[0])
    capsys.readouterr()
    words = ["run", str(out), "--input", str(tmp_path / "x.npy"), "--output"]
    options = ["--repeat", "7", "--warmup", "1", "--threads", "2", "--profile", "--json", "-"]
    assert main([*words, str(tmp_path / "y.npy"), *options]) == 0
    report = json.loads(capsys.readouterr().out)
    assert len(report["samples_ms"]) == 7
    assert report["median_ms"] == pytest.approx(np.median(report["samples_ms"]), abs=1e-6)
    assert report["peak_rss_bytes"] > 0
    names = {layer["name"] for layer in report["layers"]}
    assert {node.name for node in graph.nodes if node.op == "conv"} <= names
    for layer in report["layers"]:
        assert {"name", "ms", "macs", "nonzero_macs", "kernel"} <= set(layer)
    output = np.load(tmp_path / "y.npy")
    expected = reference_output(graph, values)
    assert np.abs(output - expected).max() <= 1e-4 * np.abs(expected).max()

    assert main(["deploy", str(out), "--json", str(tmp_path / "d.json")]) == 0
    report = json.loads((tmp_path / "d.json").read_text())
    assert (report["verified"], report["unchanged"]) == (True, False)
    assert main(["deploy", str(out), "--json", str(tmp_path / "d.json")]) == 0
    assert json.loads((tmp_path / "d.json").read_text())["unchanged"] is True
    assert main(["devices", "test", "local"]) == 0
    assert main(["rollback"]) == 1
    assert "no former release" in last_line(capsys)


def test_net_of_a_fixed_batch_and_three_axes_of_space_is_compiled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    builder = GraphBuilder("volumes", seed=3)
    x = builder.input((2, 3, 4, 5, 6))
    weight = builder.weight("w", np.random.default_rng(0).standard_normal((4, 3, 3, 3, 3)))
    attrs = {"stride": (1, 1, 1), "dilation": (1, 1, 1), "padding": (1,) * 6}
    y = builder.add("conv", x, name="conv", weights={"weight": weight}, **attrs)
    y = builder.add("gelu", y, name="gelu")
    graph = builder.build(builder.add("reduce_mean", y, name="y", axes=(2, 3, 4), keep=False))
    file, out = tmp_path / "volumes.onnx", tmp_path / "package"
    file.write_bytes(export_onnx(graph))
    assert main(["import", str(file)]) == 0
    assert main(["compile", str(file), "--target", "host", "--out", str(out)]) == 0
    values = np.random.default_rng(1).standard_normal((2, 3, 4, 5, 6)).astype(np.float32)
    np.save(tmp_path / "x.npy", values)
    words = ["run", str(out), "--input", str(tmp_path / "x.npy")]
    assert main([*words, "--output", str(tmp_path / "y.npy")]) == 0
    np.testing.assert_allclose(
        np.load(tmp_path / "y.npy"), reference_output(graph, values), rtol=1e-4, atol=1e-5
    )
    np.save(tmp_path / "x.npy", values[0])
    assert main([*words, "--output", str(tmp_path / "z.npy")]) == 1
    assert "has shape (3, 4, 5, 6), the model takes (2, 3, 4, 5, 6)" in last_line(capsys)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--target", "pdp-11"], "x86_64-avx2"),
        (["--target", "host", "--cc", "/no/such/cc"], "no C compiler"),
        (["--target", "host", "--cc", "/bin/false"], "no C compiler"),
        (["--target", "host", "--threads", "0"], "threads"),
    ],
)
def test_mistaken_option_of_compile_leaves_nothing(
    options: list[str],
    words: str,
    graph: Graph,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "package"
    model = str(tmp_path / "net.safetensors")
    assert main(["compile", model, "--out", str(out), *options]) == 1
    assert words in last_line(capsys)
    assert not out.exists()


def test_folder_with_something_else_in_it_is_left_alone(
    graph: Graph, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["compile", str(tmp_path / "net.safetensors"), "--target", "host"]
    assert main([*words, "--out", str(tmp_path)]) == 1
    assert "not a package" in last_line(capsys)


@pytest.mark.parametrize("content", [b"", b"text", b"\x93NUMPY", b"PK\x03\x04"])
def test_input_that_is_no_array_is_told(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.fixtures.packages import hand_package

    package = hand_package(tmp_path / "p")
    (tmp_path / "x.npy").write_bytes(content)
    words = ["run", str(package.folder), "--input", str(tmp_path / "x.npy"), "--output"]
    assert main([*words, str(tmp_path / "y.npy")]) == 1
    assert "x.npy" in last_line(capsys)
    assert not (tmp_path / "y.npy").exists()


def test_input_of_another_shape_or_kind_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.fixtures.packages import hand_package

    package = hand_package(tmp_path / "p")
    words = ["run", str(package.folder), "--input", str(tmp_path / "x.npy"), "--output"]
    for array, expected in ((np.zeros(3), "shape"), (np.zeros((1, 48), complex), "complex")):
        np.save(tmp_path / "x.npy", array)
        assert main([*words, str(tmp_path / "y.npy")]) == 1
        assert expected in last_line(capsys)
    assert main(["run", str(tmp_path), "--input", "x", "--output", "y"]) == 1
    assert "punchcard compile" in last_line(capsys)


def test_device_is_added_only_with_a_key_somebody_has_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.fixtures.sshd import ssh_server

    with ssh_server(tmp_path / "s") as server:
        words = ["devices", "add", "board", "--host", "127.0.0.1", "--port", str(server.port)]
        words += ["--user", server.user, "--key", str(server.key)]
        assert main(words) == 1
        assert "--fingerprint" in last_line(capsys)
        assert main([*words, "--fingerprint", "SHA256:" + "A" * 43]) == 1
        line = last_line(capsys)
        assert server.fingerprint in line
        assert "A" * 43 in line
        assert main([*words, "--fingerprint", server.fingerprint]) == 0
        assert main([*words, "--fingerprint", server.fingerprint]) == 1
        assert "already" in last_line(capsys)
        assert main(["devices", "probe", "board"]) == 0
        assert main(["devices", "remove", "board"]) == 0
        assert main(["devices", "probe", "board"]) == 1
        assert "devices add" in last_line(capsys)
