"""Sizes equal published figures, and the latency law follows them."""

from __future__ import annotations

import ast
import csv
from pathlib import Path

import numpy as np
import pytest

from agent.builder.arch import complete
from agent.builder.counts import Counts, count
from agent.builder.families import Source, family_for
from agent.builder.ir import net_to_ir
from agent.builder.predict import LatencyLaw
from agent.builder.supernet import load_supernet
from agent.sim.network import load_network
from tests.support.supernets import weightless_mobilenet_v3, write_supernet


@pytest.mark.parametrize("file", ["dynast_evoga.csv", "dynast_linas.csv"])
def test_parameters_and_macs_equal_the_published_rows(shared_data: Path, file: str) -> None:
    weights = weightless_mobilenet_v3()
    family = family_for(None, weights, "test")
    source = Source(weights, {}, family.bn_eps)
    space = family.space(source)
    with open(shared_data / file, newline="") as table:
        rows = list(csv.DictReader(table))
    assert len(rows) in (364, 554)
    for row in rows:
        counts = count(family.cut(source, complete(ast.literal_eval(row["Sub-network"]), space)))
        assert counts.params == int(row["Model Parameters"])
        assert counts.macs_dense + counts.macs_depthwise == int(row["MACs"])


def test_the_smallest_mobilenet_at_160_has_the_work_the_law_was_fitted_with() -> None:
    # facts/myriad-blobs.md 6: 58.9 M dense, 4.4 M depthwise, 82 layers, about 28 ms
    weights = weightless_mobilenet_v3()
    family = family_for(None, weights, "test")
    source = Source(weights, {}, family.bn_eps)
    counts = count(family.cut(source, family.space(source).smallest(160)))
    assert counts.layers == 82
    assert counts.macs_dense == pytest.approx(58.9e6, rel=0.02)
    assert counts.macs_depthwise == pytest.approx(4.4e6, rel=0.02)
    assert LatencyLaw().network_ms(counts, 160) == pytest.approx(28, abs=1.0)


def test_the_written_network_has_the_work_that_was_counted(tmp_path: Path) -> None:
    supernet = load_supernet(write_supernet(tmp_path / "s.safetensors"))
    for arch in (supernet.space.smallest(24), supernet.space.largest(32)):
        net = supernet.cut(arch)
        work, counts = load_network(net_to_ir(net, softmax=True), {}).work, count(net)
        assert (work.macs_dense, work.macs_depthwise, work.layers) == (
            counts.macs_dense,
            counts.macs_depthwise,
            counts.layers,
        )


def test_a_service_time_is_network_time_plus_pre_processing() -> None:
    counts = Counts(params=0, macs_dense=30_000_000, macs_depthwise=3_000_000, layers=10)
    law = LatencyLaw(time_scale=2.0)
    assert law.network_ms(counts, 224) == pytest.approx(2 * (1 + 1 + 10 * 0.51))
    assert law.service_ms(counts, 224) == pytest.approx(law.network_ms(counts, 224) + 0.8 + 0.4)


@pytest.mark.parametrize(
    ("shaves", "factor"), [(12, 1.0), (16, 1.0), (10, 1.1), (8, 1.1), (4, 1.4), (3, 2.0), (1, 3.0)]
)
def test_fewer_shaves_are_slower_and_never_rounded_up(shaves: int, factor: float) -> None:
    counts = Counts(params=0, macs_dense=10**7, macs_depthwise=10**6, layers=20)
    law = LatencyLaw()
    assert law.network_ms(counts, 100, shaves) == pytest.approx(factor * law.network_ms(counts, 100))


def test_counting_needs_no_weights_in_memory() -> None:
    assert all(np.ndim(v) < 2 or v.strides[0] == 0 for v in weightless_mobilenet_v3().values())
