from __future__ import annotations

import json

import numpy as np
import pytest

from backend.models.zoo import build_model, trained_model
from backend.sparsity.build_presets import presets
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.patterns import (
    SCPS,
    UNIVERSE,
    PatternSet,
    coverage,
    natural_histogram,
    natural_patterns,
    parse_pattern,
    pattern_text,
    preset_patterns,
    universe,
)
from backend.sparsity.patterns.census import census
from backend.sparsity.patterns.energy import PatternEnergies, energy_patterns
from backend.sparsity.patterns.kernels import net_kernels
from backend.sparsity.patterns.universe import universe_size
from backend.sparsity.prune import prunable_layers, prune_graph
from codegen.errors import PlanError
from codegen.ir.builder import GraphBuilder
from codegen.ir.graph import Graph


def net_of(kernels: np.ndarray) -> Graph:
    b = GraphBuilder("net")
    x = b.input((1, kernels.shape[1], 8, 8))
    name = b.conv(x, len(kernels), 3, name="conv")
    graph = b.build(name)
    weight = graph.weights["conv.weight"]
    return graph.with_weights({"conv.weight": type(weight)(kernels)})


def test_universe_is_the_centre_and_three_others() -> None:
    assert len(set(UNIVERSE)) == 56
    assert all(pattern >> 4 & 1 and pattern.bit_count() == 4 for pattern in UNIVERSE)


def test_the_four_scps_are_crosses_without_one_arm() -> None:
    mean = SCPS.masks.mean(axis=0).reshape(3, 3)
    assert np.array_equal(mean, [[0, 0.75, 0], [0.75, 1, 0.75], [0, 0.75, 0]])


def test_natural_pattern_is_centre_and_largest_others() -> None:
    kernel = np.zeros((1, 1, 3, 3), np.float32)
    kernel[0, 0] = [[0.1, 0.9, 0.2], [-0.8, 0.01, 0.3], [0.0, 0.05, -0.7]]
    counts = natural_histogram(net_of(kernel))
    assert counts == {parse_pattern("010110001"): 1}


def test_most_frequent_patterns_come_first_and_kernels_of_zeros_do_not_count() -> None:
    random = np.random.default_rng(0)
    kernels = random.standard_normal((8, 8, 3, 3)).astype(np.float32) * 0.1
    favourite = UNIVERSE[20]
    keep = np.array([favourite >> k & 1 for k in range(9)], bool).reshape(3, 3)
    kernels[:6, :, keep] += 5
    kernels[7] = 0
    net = net_of(kernels)
    found = natural_patterns(net, 4)
    assert found.patterns[0] == favourite
    assert len(found.patterns) == 4
    assert coverage(net, found)[0] >= 48 / 56
    assert sum(natural_histogram(net).values()) == 56


def test_a_net_without_3x3_kernels_has_no_natural_patterns() -> None:
    b = GraphBuilder("plain")
    x = b.input((1, 4, 8, 8))
    graph = b.build(b.conv(x, 4, 1, name="conv"))
    with pytest.raises(PlanError, match="no 3x3"):
        natural_patterns(graph)


def test_pattern_sets_survive_json() -> None:
    found = natural_patterns(build_model("resnet8", input_shape=(1, 28, 28), classes=10))
    assert PatternSet.from_json(found.to_json()) == found
    assert all(len(text) == 9 for text in json.loads(found.to_json())["patterns"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no JSON"),
        ("[]", '"patterns"'),
        ('{"name": "x"}', '"patterns"'),
        ('{"patterns": ["111100000"]}', '"name"'),
        ('{"name": "x", "patterns": []}', "empty"),
        ('{"name": "x", "patterns": ["111110000", "111100000"]}', "pattern 2 .* keeps 4"),
        ('{"name": "x", "patterns": ["111100000", "111100000"]}', "the same as pattern 1"),
        ('{"name": "x", "patterns": ["000000000"]}', "keeps no weight"),
        ('{"name": "x", "patterns": ["11110000"]}', "pattern 1: .*nine digits"),
        ('{"name": "x", "patterns": [[1, 1, 1, 1, 0, 0, 0, 0, 2]]}', "pattern 1: .*nine digits"),
        ('{"name": "x", "patterns": [7]}', "pattern 1 is neither"),
        ('{"name": "x", "version": 2, "patterns": ["111100000"]}', "update Punchcard"),
        ('{"name": "x", "format": "y", "patterns": ["111100000"]}', "format"),
        ("[" * 100_000, "larger|JSON"),
        (" " * 100_001, "larger than 100 kB"),
    ],
)
def test_broken_pattern_files_are_refused_in_one_sentence(text: str, says: str) -> None:
    with pytest.raises(PlanError, match=says) as caught:
        PatternSet.from_json(text)
    assert "\n" not in str(caught.value)


def test_files_without_a_version_and_lists_of_cells_are_read() -> None:
    text = '{"name": "x", "patterns": [[1, 1, 0, 1, 1, 0, 0, 0, 0], "000/111/010"]}'
    found = PatternSet.from_json(text)
    assert [pattern_text(p) for p in found.patterns] == ["110110000", "000111010"]


def test_a_mask_of_more_than_nine_bits_is_refused() -> None:
    with pytest.raises(PlanError, match="more than 9 bits"):
        PatternSet("wide", (1 << 9 | 0b111,))


@pytest.mark.parametrize("entries", range(1, 10))
def test_universes_of_every_size_are_complete(entries: int) -> None:
    for centre in (True, False):
        found = universe(entries, centre=centre)
        assert len(found.patterns) == universe_size(entries, centre=centre)
        assert found.entries == entries
        assert found.rate == 9 / entries
        assert all(pattern >> 4 & 1 for pattern in found.patterns) or not centre


def test_patterns_of_ten_weights_are_refused() -> None:
    with pytest.raises(PlanError, match="1 to 9"):
        universe(10)


def test_census_covers_everything_in_the_end() -> None:
    net = build_model("resnet8", input_shape=(1, 28, 28), classes=10)
    rows = census(net)
    assert len(rows) == 56
    assert rows[-1].covered == pytest.approx(1.0)
    assert [row.count for row in rows] == sorted((row.count for row in rows), reverse=True)
    assert all(a.energy <= b.energy for a, b in zip(rows, rows[1:], strict=False))
    # the universe keeps of each kernel the centre and its three largest others: by hand
    kernels = net_kernels(net)
    squares = kernels**2
    best = squares[:, 4] + np.sort(np.delete(squares, 4, axis=1), axis=1)[:, -3:].sum(axis=1)
    assert rows[-1].energy == pytest.approx(best.sum() / squares.sum(), rel=1e-5)


def test_chosen_patterns_are_those_of_largest_norm() -> None:
    kernels = np.random.default_rng(1).standard_normal((200, 9)).astype(np.float32)
    energies = PatternEnergies.of_kernels(kernels, universe())
    counts = energies.chosen(SCPS)
    norms = (kernels[:, None, :] ** 2 * SCPS.masks).sum(axis=2)
    wanted = np.bincount(norms.argmax(axis=1), minlength=4)
    assert list(counts.values()) == wanted.tolist()


def test_greedy_energy_keeps_more_than_frequency() -> None:
    net = trained_model("resnet20")
    energies = PatternEnergies.of(net, universe())
    assert energies.share_of(energy_patterns(net, 8, energies)) >= energies.share_of(
        natural_patterns(net, 8)
    )


def test_weights_that_are_not_finite_are_named() -> None:
    kernels = np.full((1, 1, 3, 3), np.nan, np.float32)
    with pytest.raises(PlanError, match="layer 'conv'"):
        net_kernels(net_of(kernels))


def test_text_reads_row_by_row_from_the_top_left() -> None:
    assert pattern_text(0b1_0001_0000 | 0b11) == "110010001"


def test_presets_are_what_their_script_writes() -> None:
    shipped = preset_patterns()
    assert {made.name: made for made in presets()} == shipped
    assert next(iter(shipped)) == "natural-8"
    assert shipped["universe-56"].patterns == UNIVERSE


def test_the_authors_sets_are_as_the_papers_notes_describe_them() -> None:
    sets = preset_patterns()
    eight, twelve, most = (set(sets[f"authors-{n}"].patterns) for n in (8, 12, 21))
    assert (len(eight), len(twelve), len(most)) == (8, 12, 21)
    assert sum(p >> 4 & 1 for p in eight) == 7
    assert sum(p >> 4 & 1 for p in twelve) == 10
    assert len(eight & set(SCPS.patterns)) == 3
    assert set(SCPS.patterns) < most
    assert most - set(UNIVERSE) == {parse_pattern("010101010")}


def test_a_set_of_six_weights_prunes_at_its_own_rate() -> None:
    net = build_model("resnet8", input_shape=(1, 28, 28), classes=10)
    node = prunable_layers(net)[1]
    sets = {"six": natural_patterns(net, 8, "six", entries=6)}
    pruned = prune_graph(
        net,
        Candidate.of({node.name: LayerChoice("pattern", 1.5, patterns="six", group=1)}),
        pattern_sets=sets,
    )
    weight = pruned.weight(node, "weight")
    assert weight is not None
    assert weight.mask is not None
    assert (weight.mask.sum(axis=(2, 3)) == 6).all()
    with pytest.raises(PlanError, match="6 of 9 weights is 1.5"):
        too_mild = LayerChoice("pattern", 1.4, patterns="six")
        prune_graph(net, Candidate.of({node.name: too_mild}), pattern_sets=sets)
    with pytest.raises(PlanError, match="3 of 9 weights is 3"):
        sets = {"three": universe(3)}
        wrong = LayerChoice("pattern", 2.25, patterns="three")
        prune_graph(net, Candidate.of({node.name: wrong}), pattern_sets=sets)
