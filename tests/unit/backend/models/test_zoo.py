"""The base models: published sizes, torch names, any width and input, weights that load."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.models import zoo
from backend.models.channels import scaled_channels
from backend.models.graph_module import GraphModule
from backend.models.zoo import MODELS, build_model, load_model, load_state, trained_model
from codegen.errors import GraphError
from codegen.ir.macs import dense_macs, parameter_count
from codegen.ir.storage import save_graph

torch.set_num_threads(1)


@dataclass(frozen=True)
class Published:
    name: str
    parameters: int
    macs: int


@pytest.mark.parametrize(
    "row",
    [
        Published("resnet18", 11_689_512, 1_814_073_344),
        Published("resnet50", 25_557_032, 4_089_184_256),
        Published("mobilenet_v2", 3_504_872, 300_774_272),
        Published("mobilenet_v2_05", 1_968_680, 97_131_840),
        Published("mobilenet_v3_large", 5_483_032, 216_589_760),
        Published("efficientnet_b0", 5_288_548, 385_814_752),
        Published("vgg16_cifar", 14_728_266, 313_201_664),
        Published("resnet20", 272_474, 40_813_184),
    ],
    ids=lambda row: row.name,
)
def test_parameters_and_macs_are_the_published_ones(row: Published) -> None:
    graph = build_model(row.name)
    assert parameter_count(graph) == row.parameters
    assert sum(dense_macs(graph, node) for node in graph.nodes) == row.macs


@pytest.mark.slow
def test_vgg16_has_its_published_size() -> None:
    graph = build_model("vgg16")
    assert parameter_count(graph) == 138_357_544
    assert sum(dense_macs(graph, node) for node in graph.nodes) == 15_470_264_320


def test_the_sizes_on_the_sample_are_those_of_the_reference_table() -> None:
    sizes = {
        name: parameter_count(build_model(name, input_shape=(1, 28, 28)))
        for name in ("resnet8", "vgg_small", "resnet20")
    }
    assert sizes == {"resnet8": 77_754, "vgg_small": 288_170, "resnet20": 272_186}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 33, 47), (2, 64, 96)], ids=str)
def test_any_input_and_width_gives_the_inferred_output(
    name: str, shape: tuple[int, int, int]
) -> None:
    graph = build_model(name, input_shape=shape, classes=7, width=0.25)
    with torch.inference_mode():
        out = GraphModule(graph).eval()(torch.randn(2, *shape))
    assert out.shape == (2, 7)
    assert out.isfinite().all()


@pytest.mark.parametrize("name", [n for n in MODELS if not n.startswith(("vgg16", "resnet5"))])
def test_every_parameter_gets_a_gradient(name: str) -> None:
    module = GraphModule(build_model(name, input_shape=(3, 32, 32), classes=3, width=0.25))
    module.train()(torch.randn(4, 3, 32, 32)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("resnet20", {"conv1.weight", "bn1.running_var", "layer2.0.downsample.1.bias", "fc.bias"}),
        ("resnet50", {"layer1.0.conv3.weight", "layer1.0.downsample.0.weight", "fc.weight"}),
        ("vgg16_cifar", {"features.0.weight", "features.1.running_mean", "features.40.bias"}),
        ("mobilenet_v2", {"features.1.conv.1.weight", "features.2.conv.3.running_mean"}),
        ("mobilenet_v3_large", {"features.4.block.2.fc1.bias", "features.16.0.weight"}),
        ("efficientnet_b0", {"features.1.0.block.1.fc2.weight", "features.8.1.weight"}),
    ],
)
def test_weights_carry_the_names_of_published_state_dicts(name: str, keys: set[str]) -> None:
    assert keys <= build_model(name, width=0.25).weights.keys()


def test_vgg16_numbers_its_layers_as_torchvision_does() -> None:
    graph = build_model("vgg16", input_shape=(3, 64, 64), width=0.1)
    convs = [node.name for node in graph.nodes if node.op == "conv"]
    numbers = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    assert convs == [f"features.{i}" for i in numbers]


def test_load_state_takes_a_torch_state_dict_with_counters() -> None:
    source = build_model("resnet8", input_shape=(1, 8, 8), seed=1)
    arrays = {key: weight.values for key, weight in source.weights.items()}
    arrays["bn1.num_batches_tracked"] = np.array(7)
    loaded = load_state(build_model("resnet8", input_shape=(1, 8, 8), seed=2), arrays)
    assert loaded == source


def test_load_state_lists_everything_that_does_not_fit() -> None:
    graph = build_model("resnet8", input_shape=(1, 8, 8))
    arrays = {key: weight.values for key, weight in graph.weights.items()}
    del arrays["fc.bias"]
    arrays["fc.wieght"] = arrays["fc.weight"]
    arrays["conv1.weight"] = np.zeros((16, 3, 3, 3), dtype=np.float32)
    with pytest.raises(GraphError) as caught:
        load_state(graph, arrays)
    text = str(caught.value)
    assert "missing: fc.bias" in text
    assert "unexpected: fc.wieght" in text
    assert "conv1.weight (16, 3, 3, 3) instead of (16, 1, 3, 3)" in text


def test_equal_seeds_give_equal_models_and_others_do_not() -> None:
    first = build_model("resnet8", seed=3)
    assert build_model("resnet8", seed=3) == first
    assert build_model("resnet8", seed=4) != first


def test_rounding_keeps_multiples_of_eight_and_loses_no_tenth() -> None:
    for channels in range(1, 700):
        got = scaled_channels(channels)
        assert got % 8 == 0
        assert got >= 0.9 * channels
    assert [scaled_channels(c, 0.5) for c in (16, 24, 32, 96)] == [8, 16, 16, 48]


def test_an_unknown_model_is_told_with_the_known_ones() -> None:
    with pytest.raises(GraphError, match="no base model 'resnet21'.*resnet20"):
        build_model("resnet21")
    with pytest.raises(GraphError, match="neither a base model"):
        load_model("resnet21")
    with pytest.raises(GraphError, match="no file"):
        load_model("absent.onnx")
    with pytest.raises(GraphError, match="no trained weights of 'resnet56'"):
        trained_model("resnet56")


def test_a_saved_graph_opens_by_path_and_must_fit_the_data(tmp_path: Path) -> None:
    graph = build_model("resnet8", input_shape=(1, 8, 8), classes=4)
    path = tmp_path / "mine.safetensors"
    save_graph(graph, path)
    assert load_model(path, input_shape=(1, 8, 8), classes=4) == graph
    with pytest.raises(GraphError, match=r"mine.safetensors: .*\(1, 8, 8\)"):
        load_model(path, input_shape=(3, 8, 8))
    with pytest.raises(GraphError, match="10 classes"):
        load_model(path, classes=10)


def test_shipped_weights_are_taken_when_they_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zoo, "WEIGHTS_FOLDER", tmp_path)
    trained = build_model("resnet8", input_shape=(1, 8, 8), classes=4, seed=9)
    save_graph(trained, tmp_path / "resnet8-sample.safetensors")
    assert trained_model("resnet8") == trained
    assert load_model("resnet8", input_shape=(1, 8, 8), classes=4) == trained
    other = load_model("resnet8", input_shape=(3, 8, 8), classes=4)
    assert other == build_model("resnet8", input_shape=(3, 8, 8), classes=4)


def test_the_zoo_imports_no_torch_and_no_onnx() -> None:
    code = (
        "import sys, backend.models.zoo as z; z.build_model('resnet8');"
        "sys.exit(bool({'torch', 'onnx', 'pydantic', 'yaml', 'PIL'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
