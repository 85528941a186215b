"""Sub-nets cut from supernets equal those of the original package (facts/ofa.md, reference cases)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent.builder.arch import parse_arch
from agent.builder.batchnorm import estimate_statistics, split_batches
from agent.builder.errors import MissingWeights
from agent.builder.extract import ExtractRequest, extract_subnet
from agent.builder.ir import compile_ir, net_to_ir
from agent.builder.plan import Net
from agent.builder.runtime import Runner
from agent.builder.supernet import Supernet, load_supernet
from agent.errors import BuildError
from agent.library.formats import inspect_blob

CASES = ("mbv3_00", "mbv3_02", "mbv3_04", "proxyless_00", "proxyless_02", "resnet_00")
FAMILIES = {"mbv3": "ofa-mobilenet-v3", "proxyless": "ofa-proxyless", "resnet": "ofa-resnet50d"}
LOGIT_TOLERANCE = 1e-3


class Case:
    """One reference case and the same sub-net cut by us."""

    def __init__(self, folder: Path, name: str) -> None:
        with np.load(folder / f"{name}.npz") as archive:
            self.data = {key: archive[key] for key in archive.files}
        self.family = name.split("_", maxsplit=1)[0]
        self.file = folder / f"{name}.npz"
        self.supernet_file = folder / f"{self.family}_supernet.npz"
        self.supernet: Supernet = load_supernet(self.supernet_file)
        self.net: Net = self.supernet.cut(parse_arch(str(self.data["arch"]), self.supernet.space))

    def logits_error(self, net: Net, reference: str) -> float:
        answers = Runner(compile_ir(net_to_ir(net, softmax=False), "case"))(self.data["x"].astype(np.float32))
        return float(np.abs(answers - self.data[reference]).max())


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest, shared_data: Path) -> Case:
    return Case(shared_data / "ofa-oracle", request.param)


def test_the_family_is_told_by_the_names_of_the_weights(case: Case) -> None:
    assert case.supernet.family.name == FAMILIES[case.family]
    assert case.net.bn_eps == float(case.data["bn_eps"])


def test_weights_are_bit_equal(case: Case) -> None:
    reference = {key.removeprefix("sub/"): value for key, value in case.data.items() if key.startswith("sub/")}
    assert set(case.net.weights) == set(reference)
    for key, value in reference.items():
        np.testing.assert_array_equal(case.net.weights[key], value, err_msg=key)


def test_logits_agree_with_and_without_new_statistics(case: Case) -> None:
    assert case.logits_error(case.net, "logits") <= LOGIT_TOLERANCE
    batches = [int(size) for size in case.data["calib_batches"]]
    statistics = estimate_statistics(case.net, case.data["calib"].astype(np.float32), batches)
    for key, value in statistics.items():
        np.testing.assert_allclose(value, case.data[f"rc/{key}"], atol=1e-3, err_msg=key)
    assert case.logits_error(case.net.with_statistics(statistics), "logits_rc") <= LOGIT_TOLERANCE


@pytest.mark.parametrize("name", ["mbv3_00", "proxyless_02", "resnet_00"])
def test_the_extract_command_takes_ready_statistics_and_calibration_images(
    name: str, shared_data: Path, tmp_path: Path
) -> None:
    case = Case(shared_data / "ofa-oracle", name)
    arch = tmp_path / "arch.json"
    arch.write_text(str(case.data["arch"]))
    x = case.data["x"].astype(np.float32)
    out = tmp_path / "net.ovir"
    plain = ExtractRequest(case.supernet_file, arch, out)
    for request in (replace(plain, bn=case.file), replace(plain, calibrate=case.file)):
        report = extract_subnet(request)
        data = out.read_bytes()
        assert report.size_bytes == len(data)
        assert inspect_blob(data, "x").input_shape == (1, *x.shape[1:])
        error = np.abs(Runner(compile_ir(data, "x"))(x) - case.data["logits_rc"]).max()
        assert error <= LOGIT_TOLERANCE


def test_skipping_the_kernel_matrices_would_be_noticed(shared_data: Path) -> None:
    case = Case(shared_data / "ofa-oracle", "mbv3_00")
    source = case.supernet.source
    crippled = {
        key: np.eye(len(value), dtype=np.float32) if key.endswith("_matrix") else value
        for key, value in source.weights.items()
    }
    arch = parse_arch(str(case.data["arch"]), case.supernet.space)
    net = case.supernet.family.cut(type(source)(crippled, source.spec, source.bn_eps), arch)
    statistics = estimate_statistics(net, case.data["calib"].astype(np.float32), [8, 8])
    assert case.logits_error(net.with_statistics(statistics), "logits_rc") > 100 * LOGIT_TOLERANCE


def test_a_supernet_with_old_block_names_is_the_same(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "ofa-oracle"
    with np.load(folder / "proxyless_supernet.npz") as archive:
        old = {key.replace(".conv.", ".mobile_inverted_conv.", 1): archive[key] for key in archive.files}
    np.savez(tmp_path / "old.npz", **old)
    assert set(load_supernet(tmp_path / "old.npz").source.weights) == set(
        load_supernet(folder / "proxyless_supernet.npz").source.weights
    )


def test_a_resnet_with_too_few_blocks_is_refused(shared_data: Path, tmp_path: Path) -> None:
    with np.load(shared_data / "ofa-oracle" / "resnet_supernet.npz") as archive:
        fewer = {key: archive[key] for key in archive.files if not key.startswith("blocks.17.")}
    np.savez(tmp_path / "fewer.npz", **fewer)
    with pytest.raises(MissingWeights, match="fewer than the 18 blocks"):
        load_supernet(tmp_path / "fewer.npz")


def test_statistics_that_do_not_fit_are_refused(shared_data: Path, tmp_path: Path) -> None:
    case = Case(shared_data / "ofa-oracle", "proxyless_00")
    arch = json.dumps(json.loads(str(case.data["arch"])) | {"ks": 5})
    request = ExtractRequest(case.supernet_file, arch, tmp_path / "x.ovir", bn=case.file, calibrate=case.file)
    with pytest.raises(BuildError, match="exclude each other"):
        extract_subnet(request)
    np.savez(tmp_path / "wrong.npz", other=np.zeros(3, np.float32))
    with pytest.raises(BuildError, match=r"first_conv\.bn\.running_mean is missing"):
        extract_subnet(ExtractRequest(case.supernet_file, arch, tmp_path / "x.ovir", bn=tmp_path / "wrong.npz"))
    for batches, size in (([2, 2], 8), ([3], 64), ([], 64)):
        with pytest.raises(BuildError, match="sizes adding up"):
            estimate_statistics(case.net, np.zeros((4, 3, size, size), np.float32), batches)
    assert not (tmp_path / "x.ovir").exists()


@pytest.mark.parametrize(("count", "batches"), [(10, (10,)), (64, (64,)), (150, (64, 64))])
def test_a_small_rest_of_the_calibration_images_is_left_out(count: int, batches: tuple[int, ...]) -> None:
    assert split_batches(count) == batches
