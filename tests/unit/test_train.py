"""The supernet training: names, elasticity, channel order, reproducibility, the file."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="training needs the extra `train` (torch)")
pytest.importorskip("safetensors", reason="training needs the extra `train` (safetensors)")

from agent.builder.dataset import read_dataset  # noqa: E402
from agent.builder.train import campaign, schedule  # noqa: E402
from agent.builder.train.__main__ import _limits, _parser, main  # noqa: E402
from agent.builder.train.data import (  # noqa: E402
    ImageSet,
    Normalisation,
    augment,
    batch_indices,
    load_images,
    load_sets,
    measure_normalisation,
    prepare,
)
from agent.builder.train.elastic import ConvBlock, Supernet  # noqa: E402
from agent.builder.train.evaluate import calibrated, score, tabulate  # noqa: E402
from agent.builder.train.schedule import Clock, Limit, learning_rate  # noqa: E402
from agent.builder.train.sorting import sort_channels  # noqa: E402
from agent.builder.train.spec import Arch, SupernetSpec, make_divisible  # noqa: E402
from agent.builder.train.subnet import adopt_norms, extract  # noqa: E402
from agent.builder.train.trainer import Session  # noqa: E402
from agent.builder.train.weights import SupernetHeader, load_supernet, save_supernet  # noqa: E402

SPEC = SupernetSpec()
TRAIN_COUNT = 48
MIXED = Arch((3, 5, 3, 5, 3, 3, 5, 5, 3), (2, 4, 6, 6, 2, 4, 4, 2, 6), (2, 3, 1))


@pytest.fixture
def net() -> Supernet:
    """A supernet with weights, norms and kernel matrices far from their initial symmetry."""
    torch.manual_seed(3)
    net = Supernet(SPEC)
    net.eval()
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if name.endswith(("running_var", "bn.weight")):
                value.uniform_(0.5, 1.5)
            elif name.endswith(("running_mean", "bn.bias")):
                value.normal_(0, 0.2)
            elif name.endswith("_matrix"):
                value.add_(torch.randn_like(value) * 0.1)
    return net


def images(count: int, seed: int = 0) -> ImageSet:
    """Random images whose label is the bright quadrant, so that they can be learnt."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(4, size=count)
    pixels = rng.integers(0, 60, (count, 1, 64, 64))
    for image, label in zip(pixels, labels, strict=True):
        image[0, 32 * (label // 2) :, 32 * (label % 2) :][:32, :32] += 120
    return ImageSet(torch.from_numpy(pixels.astype(np.uint8)), torch.from_numpy(labels), ("a", "b", "c", "d"))


def write_images(path: Path, data: ImageSet) -> Path:
    np.savez(path, images=data.images[:, 0].numpy(), labels=data.labels.numpy(), classes=np.array(data.classes))
    return path


def train(directory: Path, name: str, *extra: str) -> Path:
    """Run the command for a few steps; returns the supernet file, with its log beside it."""
    sources = {"--images": images(TRAIN_COUNT), "--held-out": images(40, seed=1)}
    paths = [
        word for flag, data in sources.items() for word in (flag, str(write_images(directory / f"{flag}.npz", data)))
    ]
    out = directory / f"{name}.safetensors"
    main([*paths, "--out", str(out), "--threads", "1", "--seed", "4", "--batch", "16", "--steps", "2,2,5", *extra])
    return out


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The supernet file of one uninterrupted tiny run."""
    return train(tmp_path_factory.mktemp("finished"), "whole")


def test_state_dict_has_the_names_and_shapes_of_once_for_all() -> None:
    shapes = {name: tuple(value.shape) for name, value in Supernet(SPEC).state_dict().items()}
    expected = {
        "first_conv.conv.weight": (8, 1, 3, 3),
        "first_conv.bn.running_mean": (8,),
        "blocks.0.conv.depth_conv.conv.weight": (8, 1, 3, 3),
        "blocks.0.conv.point_linear.bn.bias": (8,),
        "blocks.1.conv.inverted_bottleneck.conv.conv.weight": (48, 8, 1, 1),
        "blocks.1.conv.inverted_bottleneck.bn.bn.weight": (48,),
        "blocks.4.conv.depth_conv.conv.conv.weight": (96, 1, 5, 5),
        "blocks.4.conv.depth_conv.conv.5to3_matrix": (9, 9),
        "blocks.4.conv.depth_conv.bn.bn.running_var": (96,),
        "blocks.9.conv.point_linear.conv.conv.weight": (64, 384, 1, 1),
        "feature_mix_layer.conv.weight": (128, 64, 1, 1),
        "feature_mix_layer.bn.weight": (128,),
        "classifier.linear.weight": (8, 128),
        "classifier.linear.bias": (8,),
    }
    assert expected.items() <= shapes.items()
    assert {name.split(".")[1] for name in shapes if name.startswith("blocks.")} == set("0123456789")


def test_make_divisible_never_loses_more_than_a_tenth() -> None:
    assert [make_divisible(v) for v in (3, 16, 20, 24.9, 26.7)] == [8, 16, 24, 24, 32]


@pytest.mark.parametrize("arch", [SPEC.smallest(), SPEC.middle(), SPEC.largest(), MIXED])
def test_an_extracted_subnet_computes_what_the_supernet_computes(net: Supernet, arch: Arch) -> None:
    x = torch.randn(3, 1, 48, 48)
    with torch.no_grad():
        torch.testing.assert_close(extract(net, arch).eval()(x), net(x, arch), rtol=1e-4, atol=1e-5)


def test_entries_past_the_depth_do_not_matter(net: Supernet) -> None:
    x = torch.randn(2, 1, 40, 40)
    other = dataclasses.replace(MIXED, ks=(*MIXED.ks[:7], 3, 5), e=(*MIXED.e[:7], 6, 2))
    assert torch.equal(net(x, MIXED), net(x, other))


def test_training_mode_leaves_running_statistics_of_elastic_norms_alone(net: Supernet) -> None:
    norm = net.units()[0].depth_conv.bn.bn
    before = norm.get_buffer("running_mean").clone()
    net.train()(torch.randn(2, 1, 40, 40), SPEC.smallest())
    assert torch.equal(norm.get_buffer("running_mean"), before)


@pytest.mark.parametrize("trained", [(), (4,)])
def test_channel_sort_keeps_the_function_of_the_largest_net(net: Supernet, trained: tuple[int, ...]) -> None:
    x = torch.randn(3, 1, 40, 40)
    weight = net.units()[2].point_linear.conv.conv.weight
    with torch.no_grad():
        before, unsorted = net(x, SPEC.largest()), weight.clone()
        sort_channels(net, trained)
        torch.testing.assert_close(net(x, SPEC.largest()), before, rtol=1e-4, atol=1e-5)
    assert not torch.equal(weight, unsorted)


def test_channel_sort_puts_large_columns_first_within_trained_widths(net: Supernet) -> None:
    unit = net.units()[0]
    column = unit.point_linear.conv.conv.weight
    trained_set = set(column[:, :32].detach().abs().sum((0, 2, 3)).tolist())
    sort_channels(net, (4,))
    norms = column.detach().abs().sum((0, 2, 3))
    assert set(norms[:32].tolist()) == trained_set
    assert (norms[:32].diff() <= 0).all()
    assert (norms[32:].diff() <= 0).all()


def test_resize_takes_half_pixel_centres_without_antialiasing() -> None:
    ramp = torch.arange(64, dtype=torch.uint8).repeat(64, 1).view(1, 1, 64, 64)
    resized = prepare(ramp, 40, Normalisation(10, 2))
    centres = (np.arange(40) + 0.5) * 64 / 40 - 0.5
    np.testing.assert_allclose(resized[0, 0, 7].numpy(), (centres.clip(0, 63) - 10) / 2, atol=1e-4)
    stripes = torch.tensor([0, 0, 200, 0], dtype=torch.uint8).repeat(64, 16).view(1, 1, 64, 64)
    assert prepare(stripes, 40, Normalisation(0, 1)).max() > 170, "an antialiased resize would flatten the stripes"


def test_augmentation_is_one_of_the_eight_symmetries() -> None:
    square = torch.arange(16, dtype=torch.uint8).view(1, 1, 4, 4)
    seen = {tuple(augment(square, np.random.default_rng(seed)).flatten().tolist()) for seed in range(200)}
    assert len(seen) == 8


def test_every_epoch_shows_every_image_once_in_a_new_order() -> None:
    epochs = [torch.cat([batch_indices(96, 32, (1, 0), 3 * e + i) for i in range(3)]).tolist() for e in (0, 1)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(96))
    assert epochs[0] != epochs[1]


def test_learning_rate_rises_then_falls_to_zero() -> None:
    (stage,) = schedule.warm_up(SPEC)
    rates = [learning_rate(stage, p) for p in (0, stage.warm_up_share, 0.5, 1, 1.2)]
    assert rates[0] == rates[3] == rates[4] == 0
    assert rates[1] == pytest.approx(stage.peak_lr, rel=0.01)
    assert rates[2] == pytest.approx(stage.peak_lr / 2)


def test_progress_counts_steps_or_else_time() -> None:
    assert Clock(Limit(steps=8), started_s=0, step=2).progress() == 0.25
    assert Clock.start(Limit(seconds=10), spent_s=20).progress() >= 2


def test_shrinking_opens_kernel_then_depth_then_expansion() -> None:
    stages = schedule.shrinking(SPEC)
    assert [(s.ks, s.d, s.e) for s in stages] == [
        ((5, 3), (3,), (6,)),
        ((5, 3), (3, 2), (6,)),
        ((5, 3), (3, 2, 1), (6,)),
        ((5, 3), (3, 2, 1), (6, 4)),
        ((5, 3), (3, 2, 1), (6, 4, 2)),
    ]
    assert sum(s.share for s in stages) == pytest.approx(1)
    assert [s.name for s in stages if s.sorts_channels] == ["expand-1", "expand-2"]


def test_reestimated_norms_are_those_of_the_given_images(net: Supernet) -> None:
    data = images(64)
    norm = measure_normalisation(data.images)
    subnet = calibrated(net, SPEC.smallest(), 40, data, norm)
    first = subnet[0]
    assert isinstance(first, ConvBlock)
    seen = first.conv(prepare(data.images, 40, norm))
    torch.testing.assert_close(first.bn.running_mean, seen.mean((0, 2, 3)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(first.bn.running_var, seen.var((0, 2, 3)), rtol=1e-3, atol=1e-5)


def test_norms_adopted_from_the_largest_subnet_reproduce_it(net: Supernet) -> None:
    data = images(64)
    largest = calibrated(net, SPEC.largest(), 40, data, Normalisation(60, 50))
    adopt_norms(net, largest)
    x = torch.randn(2, 1, 40, 40)
    with torch.no_grad():
        torch.testing.assert_close(net.eval()(x, SPEC.largest()), largest(x), rtol=1e-4, atol=1e-5)


def test_file_gives_back_weights_and_metadata(net: Supernet, tmp_path: Path) -> None:
    header = SupernetHeader(SPEC, Normalisation(86, 51), tuple("abcdefgh"))
    save_supernet(tmp_path / "s.safetensors", net, header)
    loaded, read = load_supernet(tmp_path / "s.safetensors")
    assert read == header
    for name, value in net.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value) or name.endswith("num_batches_tracked")


def test_metadata_is_strings_with_json_structures() -> None:
    metadata = SupernetHeader(SPEC, Normalisation(86, 51), ("ok", "bad")).to_metadata()
    assert metadata["format"] == "ofa-agent.supernet/1"
    assert metadata["family"] == "ofa-small"
    assert float(metadata["bn_eps"]) == 1e-5
    assert json.loads(metadata["labels"]) == ["ok", "bad"]
    assert json.loads(metadata["input"]) == {
        "width": 64,
        "height": 64,
        "channels": 1,
        "pixel_format": "Mono8",
        "mean": [86],
        "scale": [51],
    }
    spec = json.loads(metadata["spec"])
    assert (spec["ks"], spec["e"], spec["d"], spec["r"]) == ([3, 5], [2, 4, 6], [1, 2, 3], [40, 48, 56, 64])
    assert (spec["widths"], spec["strides"]) == ([16, 32, 64], [2, 2, 2])


def test_foreign_files_are_refused() -> None:
    with pytest.raises(ValueError, match="supernet format is 'other'"):
        SupernetHeader.from_metadata({"format": "other"})


def test_images_that_are_not_uint8_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.npz"
    np.savez(path, images=np.zeros((2, 64, 64), np.float32), labels=np.zeros(2), classes=np.array(["a"]))
    with pytest.raises(ValueError, match="need uint8"):
        load_images(path)


def test_a_folder_of_classes_is_split_as_the_library_build_splits_it(tmp_path: Path) -> None:
    """What a supernet was trained on must not be held out again when its library is built."""
    data = images(200)
    for number, (image, label) in enumerate(zip(data.images[:, 0].numpy(), data.labels.tolist(), strict=True)):
        folder = tmp_path / "set" / data.classes[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number}.png")
    trained, held_out = load_sets(tmp_path / "set", None, 64)
    built = read_dataset(tmp_path / "set", None, 1, 64)
    assert len(trained) + len(held_out) == 200
    np.testing.assert_array_equal(held_out.images[:, 0].numpy(), built.held_out.images)
    np.testing.assert_array_equal(trained.labels.numpy(), built.training.labels)
    smaller, _ = load_sets(tmp_path / "set", None, 24)
    assert tuple(smaller.images.shape) == (len(trained), 1, 24, 24)


def test_equal_seed_and_steps_give_an_equal_file(finished: Path, tmp_path: Path) -> None:
    assert train(tmp_path, "again").read_bytes() == finished.read_bytes()


def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = campaign.Campaign._checkpoint

    def stop_in_the_middle(self: campaign.Campaign, session: Session) -> None:
        checkpoint(self, session)
        if session.stage.method == "sandwich":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(campaign, "CHECKPOINT_EVERY_S", 0.0)
        patch.setattr(campaign.Campaign, "_checkpoint", stop_in_the_middle)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path, "parts")
    assert train(tmp_path, "parts").read_bytes() == finished.read_bytes()


def test_methods_trained_one_by_one_in_any_order_give_the_same_file(finished: Path, tmp_path: Path) -> None:
    for method in ("warm-up", "shrinking", "sandwich"):
        train(tmp_path, "apart", "--only", method)
        assert not (tmp_path / "apart.safetensors").exists()
    assert train(tmp_path, "apart").read_bytes() == finished.read_bytes()


def test_the_log_says_what_was_measured_and_which_method_was_kept(finished: Path) -> None:
    log = json.loads(finished.with_suffix(".json").read_text())
    assert [s["steps"] for s in log["stages"]] == [2, 2, 1, 1, 1, 1, 2]
    assert set(log["accuracy_percent"]) == {"warm-up", "sandwich", "shrinking"}
    assert log["kept"] == max(log["mean_percent"], key=lambda method: log["mean_percent"][method])


def test_the_kept_file_has_the_accuracy_of_the_log(finished: Path) -> None:
    log = json.loads(finished.with_suffix(".json").read_text())
    net, header = load_supernet(finished)
    table = tabulate(net, images(TRAIN_COUNT), images(40, seed=1), header.norm, header.spec.r)
    assert table == log["accuracy_percent"][log["kept"]]
    assert score(table) == pytest.approx(log["mean_percent"][log["kept"]], abs=0.01)


def test_both_methods_get_the_same_share_of_a_time_budget() -> None:
    required = ["--images", "a", "--held-out", "b", "--out", "c"]
    limits = _limits(_parser().parse_args([*required, "--budget-minutes", "10"]))
    assert sum(limit.seconds for limit in limits.values()) == pytest.approx(600)
    assert limits["sandwich"] == limits["shrinking"]
    assert all(limit.steps is None for limit in limits.values())
