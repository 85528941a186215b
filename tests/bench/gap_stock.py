"""What the gap is measured on: cameras in processes of their own, two networks of one size, their golden images."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from agent.library.ir import pack_ir, unpack_ir
from agent.library.manifest import blob_file, golden_file
from agent.library.publish import publish
from agent.sim.spec import SimulationSpec
from agent.sim.vpu import warm_up
from tests.support.device_process import device_process
from tests.support.networks import chain_ir
from tests.support.tiny_libraries import FORMAT, artifact, decoded, sha256, tiny_manifest

LABELS = ("ok", "scratch", "crack", "dent", "stain", "chip", "bent", "empty")
MEAN, SCALE = 127.5, 64.0
GOLDENS = 2  # as the builder chooses them; the same for the whole ladder where they are clear to all
EXPOSURE_US = 5000.0
_SEED = 7


@dataclass(frozen=True, slots=True)
class Size:
    """A network by its file: `side` is that of its input and of the golden images, `links` makes its service time."""

    key: str
    bytes: int
    side: int
    links: int


SMALL = Size("small", 200_000, 64, 20)
LARGE = Size("12mb", 12_000_000, 224, 6)
MIDDLE = Size("3mb", 3_000_000, 224, 6)


@dataclass(frozen=True, slots=True)
class Golden:
    """An injected image and the class and confidence that are right."""

    pixels: NDArray[np.uint8]
    class_id: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Net:
    """One of the two networks that take turns."""

    id: str
    blob: bytes
    goldens: tuple[Golden, ...]


def spec(buffer_bytes: int = 65_536) -> SimulationSpec:
    """The simulation's defaults, with few distinct parts: what a frame shows costs the machine next to nothing."""
    return SimulationSpec.from_mapping(
        {"scene": {"distinct": 4}, "transport": {"file_access_buffer_bytes": buffer_bytes}}
    )


def nets(size: Size) -> tuple[Net, Net]:
    """Two networks of exactly that many bytes whose answers to the golden images all differ."""
    images = [_image(size.side, number) for number in range(GOLDENS)]
    found = []
    for number in range(2):
        blob = _blob(size, number)
        answers = [_answer(blob, image) for image in images]
        goldens = (Golden(image, *answer) for image, answer in zip(images, answers, strict=True))
        found.append(Net(f"net-{number}", blob, tuple(goldens)))
    one, other = found
    shares = sorted(golden.confidence for net in found for golden in net.goldens)
    if min(b - a for a, b in pairwise(shares)) < 1e-3:
        raise RuntimeError("two golden answers are alike: choose another seed")
    return one, other


def publish_nets(folder: Path, size: Size, made: Sequence[Net]) -> Path:
    """A library of them."""
    values, _ = tiny_manifest(
        0,
        name="gap",
        task={"type": "classification", "labels": list(LABELS)},
        input={
            "width": size.side,
            "height": size.side,
            "channels": 1,
            "pixel_format": "Mono8",
            "mean": [MEAN],
            "scale": [SCALE],
        },
        subnets=[_entry(net, rank) for rank, net in enumerate(made)],
    )
    files = {blob_file(sha256(net.blob), FORMAT): net.blob for net in made}
    pngs = [_png(golden.pixels) for net in made for golden in net.goldens]
    publish(decoded(values), files | {golden_file(sha256(png)): png for png in pngs}, folder)
    return folder


def store(folder: Path, made: Sequence[Net]) -> Path:
    """Put the networks down for another process to `fetch`."""
    folder.mkdir()
    told = []
    for net in made:
        (folder / f"{net.id}.blob").write_bytes(net.blob)
        for number, golden in enumerate(net.goldens):
            np.save(folder / f"{net.id}-{number}.npy", golden.pixels)
        told.append({"id": net.id, "answers": [(golden.class_id, golden.confidence) for golden in net.goldens]})
    (folder / "nets.json").write_text(json.dumps(told))
    return folder


def fetch(folder: Path) -> tuple[Net, Net]:
    """What `store` put down."""
    found = []
    for told in json.loads((folder / "nets.json").read_text()):
        images = [np.load(folder / f"{told['id']}-{number}.npy") for number in range(len(told["answers"]))]
        goldens = (Golden(image, *answer) for image, answer in zip(images, told["answers"], strict=True))
        found.append(Net(told["id"], (folder / f"{told['id']}.blob").read_bytes(), tuple(goldens)))
    one, other = found
    return one, other


@contextmanager
def cameras(folder: Path, count: int, chosen: SimulationSpec) -> Iterator[list[tuple[Path, str]]]:
    """Socket and serial of that many device processes."""
    with ExitStack() as stack:
        found = []
        for number in range(count):
            place = folder / f"camera-{number}"
            place.mkdir()
            serial = str(20_000_001 + number)
            plain = json.loads(json.dumps(chosen.to_mapping() | {"serial": serial}))
            found.append((stack.enter_context(device_process(place, plain)), serial))
        yield found


def _image(side: int, number: int) -> NDArray[np.uint8]:
    return np.random.default_rng((_SEED, number)).integers(0, 256, (side, side), dtype=np.uint8)


def _blob(size: Size, seed: int) -> bytes:
    """A chain of cheap layers; the rest of the file is weights that nothing reads."""
    parts = unpack_ir(chain_ir(len(LABELS), size.side, size.links, seed), "chain")
    packed = len(pack_ir(parts.xml, parts.weights))
    padding = np.random.Generator(np.random.PCG64(seed)).bytes(size.bytes - packed)
    return pack_ir(parts.xml, parts.weights + padding)


def _answer(blob: bytes, image: NDArray[np.uint8]) -> tuple[int, float]:
    """Class and confidence by OpenVINO itself: the image has the network's size, so nothing is scaled."""
    warm_up()  # imports it without its telemetry
    import openvino

    with zipfile.ZipFile(io.BytesIO(blob)) as archive:
        xml, weights = archive.read("model.xml"), archive.read("model.bin")
    core = openvino.Core()
    model = core.read_model(xml, openvino.Tensor(np.frombuffer(weights, np.uint8)))
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    output = compiled(((image.astype(np.float32) - MEAN) / SCALE)[None, None])[0].reshape(-1)
    return int(output.argmax()), float(output.max())


def _png(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _entry(net: Net, rank: int) -> Mapping[str, Any]:
    top1 = 0.8 + 0.05 * rank
    return {
        "id": net.id,
        "arch": None,
        "params": 1000,
        "macs_dense": 10_000,
        "macs_depthwise": 0,
        "layers": 10,
        "accuracy": {"top1": top1, "n": 1000, "ci95_low": top1 - 0.02, "ci95_high": top1 + 0.02, "dataset": "test"},
        "latency": {"predicted_ms": 10.0 + rank, "source": "simulation"},
        "artifacts": [artifact(net.blob)],
        "golden": [
            {
                "image": golden_file(sha256(_png(golden.pixels))),
                "class_id": golden.class_id,
                "confidence": golden.confidence,
                "tolerance": 0.05,
            }
            for golden in net.goldens
        ],
    }
