"""`ofa-agent library add`: networks that were compiled elsewhere become rungs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from agent.cli import exits
from agent.cli.main import main
from agent.library import generate_key, open_library, verify_library
from tests.support.network_files import ncsdk1, ncsdk2, openvino
from tests.support.tiny_libraries import png, publish_tiny, tiny_ir, tiny_xml

LABELS = ("ok", "scratch", "crack", "dent")


class Shop:
    """A folder with labels, and the command run in it."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.library = folder / "library"
        self._capfd = capfd
        (folder / "labels.txt").write_text("\n".join(LABELS) + "\n\n")

    def file(self, name: str, data: bytes) -> str:
        (self.folder / name).write_bytes(data)
        return str(self.folder / name)

    def add(self, *arguments: str, labels: bool = True) -> tuple[int, str, str]:
        more = ("--labels", str(self.folder / "labels.txt")) if labels else ()
        code = main(["library", "add", "--library", str(self.library), *more, *arguments])
        return code, *self._capfd.readouterr()

    def added(self, *arguments: str, labels: bool = True) -> dict[str, Any]:
        code, out, err = self.add("--json", *arguments, labels=labels)
        assert (code, err) == (exits.DONE, "")
        told: dict[str, Any] = json.loads(out)
        return told

    def refused(self, *arguments: str, labels: bool = True) -> str:
        before = (self.library / "manifest.json").read_bytes() if self.library.exists() else None
        code, out, err = self.add(*arguments, labels=labels)
        assert (code, out) == (exits.BAD_INPUT, "")
        assert (self.library / "manifest.json").read_bytes() == before if before else not self.library.exists()
        assert "Traceback" not in err
        return err


@pytest.fixture
def shop(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Shop:
    return Shop(tmp_path, capfd)


def test_a_ladder_of_graphs_becomes_a_library_in_one_command(shop: Shop) -> None:
    """A MobileNet ladder of four widths, as FLIR's flow makes them (facts/firefly-dl.md S22)."""
    files = [shop.file(f"mobilenet {width}.graph", ncsdk2(side=width, channels=3)[0]) for width in (8, 12, 16, 20)]
    accuracies = [word for top1 in ("0.5", "0.6", "0.7", "0.8") for word in ("--accuracy", top1)]
    told = shop.added(*files, *accuracies, "--tested", "400", "--dataset", "held out", "--name", "station-7")
    assert (told["version"], told["changed"]) == (1, True)
    assert told["added"] == ["mobilenet-8", "mobilenet-12", "mobilenet-16", "mobilenet-20"]
    assert verify_library(shop.library).ok
    manifest = open_library(shop.library).manifest
    assert (manifest.name, manifest.task.labels, manifest.supernet) == ("station-7", LABELS, None)
    assert (manifest.input.width, manifest.input.pixel_format, manifest.input.mean) == (8, "BGR8", (127.5,) * 3)
    last = manifest.subnets[3]
    assert last.input is not None
    assert (last.input.width, last.input.channels, last.arch) == (20, 3, None)
    assert (last.accuracy.top1, last.accuracy.n, last.accuracy.dataset) == (0.8, 400, "held out")
    assert 0.75 < last.accuracy.ci95_low < 0.8 < last.accuracy.ci95_high < 0.85
    (artifact,) = last.artifacts
    assert (artifact.format, artifact.target, artifact.shaves) == ("ncsdk-graph-2", "firefly-dl", 12)
    assert last.macs_dense == 9 * 3 * 8 * 100 + 32


def test_the_service_time_of_a_graph_follows_from_its_work(shop: Shop) -> None:
    """facts/myriad-blobs.md 6: the two-point law, 1.2 ms of pre-processing and scaling."""
    shop.added(shop.file("a.graph", ncsdk2(side=224, channels=3)[0]), "--accuracy", "0.5")
    (subnet,) = open_library(shop.library).manifest.subnets
    dense, depthwise = 9 * 3 * 8 * 112**2 + 32, 9 * 8 * 112**2
    expected = dense / 30e6 + depthwise / 3e6 + 4 * 0.51 + 1.2
    assert subnet.latency.predicted_ms == pytest.approx(expected, abs=1e-3)
    assert (subnet.latency.source, subnet.latency.preprocessing_ms) == ("model: myriad-2 two-point law", 1.2)
    assert (subnet.accuracy.ci95_low, subnet.accuracy.ci95_high) == (0.0, 1.0)


def test_a_blob_needs_its_service_time_said(shop: Shop) -> None:
    blob = shop.file("a.blob", openvino())
    text = shop.refused(blob, "--accuracy", "0.5")
    assert text.startswith("predicted-ms: ")
    assert "give the camera's InferenceTime in ms" in text
    shop.added(blob, "--accuracy", "0.5", "--predicted-ms", "31.5")
    (subnet,) = open_library(shop.library).manifest.subnets
    assert (subnet.latency.predicted_ms, subnet.latency.source) == (31.5, "as given")
    assert (subnet.artifacts[0].target, subnet.macs_dense) == ("myriad2", 0)


def test_an_ir_and_later_a_blob_join_a_library_that_was_built(shop: Shop) -> None:
    publish_tiny(shop.library, version=4)
    shop.added(shop.file("new.ovir", tiny_ir(side=48)), "--accuracy", "0.9", labels=False)
    told = shop.added(shop.file("b.blob", openvino()), "--accuracy", "0.9", "--predicted-ms", "9", "--id", "rung-b")
    assert (told["version"], told["added"]) == (6, ["rung-b"])
    report = verify_library(shop.library)
    assert (report.ok, report.blobs, report.goldens) == (True, 4, 2)
    manifest = open_library(shop.library).manifest
    assert [subnet.id for subnet in manifest.subnets] == ["net-0", "net-1", "new", "rung-b"]
    added = manifest.subnets[2]
    assert added.input is not None
    assert (added.input.width, added.input.mean, added.input.scale) == (48, (127.0,), (64.0,))
    assert manifest.supernet is not None


def test_the_same_command_gives_the_same_manifest(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    graph = shop.file("a.graph", ncsdk2()[0])
    first = shop.added(graph, "--accuracy", "0.5")["digest"]
    shutil.rmtree(shop.library)
    assert shop.added(graph, "--accuracy", "0.5")["digest"] == first


def test_a_golden_image_is_taken_along_and_tested_for_its_form(shop: Shop) -> None:
    graph, image = shop.file("a.graph", ncsdk2()[0]), shop.file("a:1.png", png(7))
    assert "not a PNG" in shop.refused(graph, "--accuracy", "0.5", "--golden", f"{graph}:crack:0.9")
    assert "is missing" in shop.refused(graph, "--accuracy", "0.5", "--golden", "/none.png:crack:0.9")
    assert "'rust' is neither a label" in shop.refused(graph, "--accuracy", "0.5", "--golden", f"{image}:rust:0.9")
    assert "neither a label nor a number" in shop.refused(graph, "--accuracy", "0.5", "--golden", f"{image}:4:0.9")
    assert "IMAGE:CLASS:CONFIDENCE" in shop.refused(graph, "--accuracy", "0.5", "--golden", f"{image}")
    assert "not within 0 .. 1" in shop.refused(graph, "--accuracy", "0.5", "--golden", f"{image}:1:1.5")
    goldens = ("--golden", f"{image}:crack:0.9", "--golden", f"{image}:0:0.4")
    shop.added(graph, "--accuracy", "0.5", *goldens)
    assert verify_library(shop.library).goldens == 2
    (subnet,) = open_library(shop.library).manifest.subnets
    assert [(golden.class_id, golden.confidence) for golden in subnet.golden] == [(2, 0.9), (0, 0.4)]


def test_golden_images_belong_to_one_network(shop: Shop) -> None:
    graphs = [shop.file(f"{n}.graph", ncsdk2(salt=n)[0]) for n in range(2)]
    assert "one by one" in shop.refused(*graphs, "--accuracy", "0.5", "--golden", "a.png:0:0.5")


def test_what_has_no_golden_image_is_said_with_what_that_means(shop: Shop, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = shop.add(shop.file("a.graph", ncsdk2()[0]), "--accuracy", "0.5")
    assert (code, "no golden images: a. After an upload" in out) == (exits.DONE, True)
    assert main(["library", "show", str(shop.library)]) == exits.DONE
    assert "verified by the camera's own report of size, input and classes alone" in capfd.readouterr().out
    assert main(["library", "show", "--json", str(shop.library)]) == exits.DONE
    assert json.loads(capfd.readouterr().out)["subnets"][0]["goldens"] == 0


def test_graphs_that_do_not_tell_their_input_need_it_said(shop: Shop) -> None:
    old, first = shop.file("a.graph", ncsdk2(minor=0, channels=3)[0]), shop.file("b.graph", ncsdk1())
    known = ("--accuracy", "0.5", "--predicted-ms", "20")
    for file in (old, first):
        assert "give WIDTHxHEIGHTxCHANNELS" in shop.refused(file, *known)
    assert "8x9x3 are 216 values" in shop.refused(old, *known, "--input", "8x9x3")
    assert "'8x8' is not WIDTHxHEIGHTxCHANNELS" in shop.refused(old, *known, "--input", "8x8")
    shop.added(old, *known, "--input", "8x8x3")
    shop.added(first, *known, "--input", "8x8x3", "--shaves", "6", "--pixel-format", "RGB8", "--mean", "1,2,3")
    second = open_library(shop.library).manifest.subnets[1]
    assert (second.artifacts[0].shaves, second.artifacts[0].format) == (6, "ncsdk-graph-1")
    assert second.input is not None
    assert (second.input.pixel_format, second.input.mean, second.input.scale) == ("RGB8", (1, 2, 3), (127.5,) * 3)
    assert verify_library(shop.library).ok


@pytest.mark.parametrize(
    ("data", "arguments", "words"),
    [
        (ncsdk2()[0][:-9], [], "truncated"),
        (ncsdk2(classes=5)[0], [], "answers 5 values, there are 4 labels"),
        (ncsdk2()[0], ["--input", "9x8x1"], "9x8x1, but"),
        (ncsdk2()[0], ["--pixel-format", "BGR8"], "does not fit the 1 channel(s)"),
        (ncsdk2()[0], ["--mean", "a"], "'a' is not a number"),
        (ncsdk2()[0], ["--mean", "1,2"], "2 values for 1 channels"),
        (ncsdk2()[0], ["--scale", "0"], "input.scale"),
        (ncsdk2()[0], ["--id", "../up"], "subnets[0].id"),
        (ncsdk2()[0], ["--id", "a", "--id", "b"], "given 2 times for 1 files"),
        (ncsdk2()[0], ["--accuracy", "0.6"], "given 2 times for 1 files"),
        (ncsdk2()[0], ["--target", "myriadx", "--name", "two words"], "name"),
        (ncsdk2(channels=2)[0], [], "takes 2 channels"),
        (openvino(hardware=True), ["--predicted-ms", "5"], "compiled for a Myriad X"),
        (openvino(), ["--predicted-ms", "5", "--target", "myriadx"], "expected a Myriad X"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_fit_is_refused_and_nothing_is_published(
    data: bytes, arguments: list[str], words: str, shop: Shop
) -> None:
    assert words in shop.refused(shop.file("a.net", data), "--accuracy", "0.5", *arguments)


def test_a_network_without_softmax_or_with_two_answers_is_refused(shop: Shop) -> None:
    from agent.library.ir import pack_ir

    logits = pack_ir(tiny_xml().replace(b"SoftMax", b"Sigmoid"), bytes(64))
    assert "does not end in SoftMax" in shop.refused(shop.file("a.ovir", logits), "--accuracy", "0.5")
    two = (Path(__file__).parents[1] / "library" / "blobs" / "two-outputs.blob").read_bytes()
    assert "2 answers" in shop.refused(shop.file("b.blob", two), "--accuracy", "0.5", "--predicted-ms", "5")


def test_a_network_or_a_name_that_is_there_already_is_refused(shop: Shop) -> None:
    graph, other = shop.file("a.graph", ncsdk2()[0]), shop.file("b.graph", ncsdk2(salt=1)[0])
    assert "is used already" in shop.refused(graph, other, "--accuracy", "0.5", "--id", "x", "--id", "x")
    shop.added(graph, "--accuracy", "0.5")
    assert "'a' is used already" in shop.refused(graph, "--accuracy", "0.5")
    assert "is the network of rung 'a' already" in shop.refused(graph, "--accuracy", "0.5", "--id", "b")
    assert "'new', but" in shop.refused(other, "--accuracy", "0.5", "--name", "new")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"ok\nok\n", "labels.txt:2: 'ok' is blank or was there before"),
        (b"ok\n\nbad\n", "labels.txt:2: '' is blank"),
        (b"ok\n", "1 labels, a classifier needs two"),
        (b"\xff\xfe\xff", "not text in UTF-8"),
    ],
)
def test_labels_that_cannot_be_are_refused(text: bytes, words: str, shop: Shop) -> None:
    graph = shop.file("a.graph", ncsdk2()[0])
    shop.file("labels.txt", text)
    assert words in shop.refused(graph, "--accuracy", "0.5")


def test_a_new_library_needs_labels_and_an_old_one_keeps_its_own(shop: Shop) -> None:
    graph = shop.file("a.graph", ncsdk2()[0])
    assert "is a new library; name a file" in shop.refused(graph, "--accuracy", "0.5", labels=False)
    publish_tiny(shop.library)
    shop.file("labels.txt", b"a\nb\nc\nd\n")
    assert "differ from those of" in shop.refused(graph, "--accuracy", "0.5")


def test_a_damaged_library_is_not_added_to(shop: Shop) -> None:
    publish_tiny(shop.library)
    blob = next((shop.library / "blobs").iterdir())
    blob.write_bytes(blob.read_bytes()[:-1] + b"x")
    graph = shop.file("a.graph", ncsdk2()[0])
    assert "sha256" in shop.refused(graph, "--accuracy", "0.5")
    assert sorted(entry.name for entry in shop.folder.iterdir()) == ["a.graph", "labels.txt", "library"]


def test_a_signed_library_is_signed_again_or_its_owner_is_told(shop: Shop) -> None:
    private, public = shop.folder / "key.pem", shop.folder / "key.pub"
    generate_key(private, public)
    shop.added(shop.file("a.graph", ncsdk2()[0]), "--accuracy", "0.5", "--sign-key", str(private))
    shop.added(shop.file("b.graph", ncsdk2(salt=1)[0]), "--accuracy", "0.5", "--sign-key", str(private))
    assert verify_library(shop.library, [public]).ok
    code, _, err = shop.add(shop.file("c.graph", ncsdk2(salt=2)[0]), "--accuracy", "0.5")
    assert (code, err.startswith("the old signature is gone: ofa-agent library sign")) == (exits.DONE, True)
    assert not verify_library(shop.library, [public]).ok


def test_the_vendors_graph_becomes_a_rung(shop: Shop, shared_data: Path) -> None:
    """facts/myriad-blobs.md 3: five classes, 224 x 224 x 3, 8 SHAVEs."""
    shop.file("labels.txt", b"daisy\ndandelion\nroses\nsunflowers\ntulips\n")
    graph = str(shared_data / "firefly-network-classification.graph")
    told = shop.added(graph, "--accuracy", "0.9", "--id", "flowers")
    assert told["added"] == ["flowers"]
    assert verify_library(shop.library).ok
    (subnet,) = open_library(shop.library).manifest.subnets
    assert subnet.artifacts[0].shaves == 8
    # NCS1 takes 38 ms for MobileNet v1 of width 1 (facts/myriad-blobs.md 6); this one has half the width.
    assert 20 < subnet.latency.predicted_ms < 38
