"""Networks that were compiled elsewhere become rungs of a library (`library add`).

A file is read whole first (`formats`); what it says of itself must fit what its owner says of it: the labels, the
input, the processor. The library is published anew with the next version, so that it changes whole or not at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import msgspec

from agent.errors import BadInput, BlobInvalid, BlobMissing
from agent.library import manifest as schema
from agent.library.blob import MAX_BLOB_BYTES, MYRIAD2_SHAVES, BlobFormat, BlobInfo, Work
from agent.library.files import read_regular
from agent.library.formats import check_platform, inspect_blob, platform_of
from agent.library.inputs import InputChoice, choose_input
from agent.library.png import MAX_GOLDEN_BYTES, decode_golden
from agent.library.publish import Publication, creation_time, publish
from agent.library.store import MANIFEST_NAME, SIGNATURE_NAME, Library, open_library

# Service time of a network from its work, side of its input in pixels and SHAVEs.
Predict = Callable[[Work, int, int], schema.Latency]
_TARGETS: dict[BlobFormat, str] = {
    "ncsdk-graph-2": "firefly-dl",
    "ncsdk-graph-1": "firefly-dl",
    "openvino-blob-5": "myriad2",
    "openvino-blob-6": "myriad2",
    "openvino-ir-10": "simulated",
}


@dataclass(frozen=True, slots=True)
class GoldenChoice:
    """A PNG that the camera can inject, the label or number of its class, and the confidence to expect."""

    image: Path
    label: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Addition:
    """One network file and what its owner knows of it; without `predicted_ms` the law says it where it can."""

    path: Path
    id: str
    accuracy: schema.Accuracy
    predicted_ms: float | None = None
    goldens: tuple[GoldenChoice, ...] = ()


@dataclass(frozen=True, slots=True)
class AddRequest:
    """What to add where. `labels` and `name` are needed by a new library, and must fit an existing one.

    `target` and `shaves` are asked for only where the file does not tell.
    """

    library: Path
    additions: tuple[Addition, ...]
    labels: tuple[str, ...] | None = None
    name: str | None = None
    input: InputChoice = field(default_factory=InputChoice)
    target: str | None = None
    shaves: int | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True)
class AddReport:
    """What was published. `unsigned`: the library had a signature, which does not fit the new manifest."""

    publication: Publication
    added: tuple[str, ...]
    without_goldens: tuple[str, ...]
    unsigned: bool


def add_networks(request: AddRequest, predict: Predict) -> AddReport:
    """Check all files and publish the library with them. Blocks on the disk.

    Raises BadInput for what the owner says, LibraryError leaves for what is in files.
    """
    library = _existing(request.library)
    labels, name = _labels(request, library), _name(request, library)
    files = _Files()
    rungs: list[schema.Subnet] = [] if library is None else list(library.manifest.subnets)
    first = None if library is None else library.manifest.input
    for addition in request.additions:
        _check_new(addition, rungs)
        rung, own_input = _rung(request, addition, labels, first, files, predict)
        _check_other_bytes(addition, rung, rungs)
        first = own_input if first is None else first
        # A rung names its input only where it differs from the library's.
        rungs.append(msgspec.structs.replace(rung, input=None if own_input == first else own_input))
    if first is None:
        raise BadInput("FILE", "no network file is named")
    if library is not None:
        files.keep(library)
    manifest = _manifest(library, name, labels, first, tuple(rungs))
    had_signature = library is not None and (library.path / SIGNATURE_NAME).exists()
    publication = publish(manifest, files, request.library, key=request.key)
    added = rungs[-len(request.additions) :]
    return AddReport(
        publication,
        tuple(rung.id for rung in added),
        tuple(rung.id for rung in added if not rung.golden),
        unsigned=had_signature and request.key is None,
    )


class _Files(Mapping[str, bytes]):
    """Library-relative names; contents are read when they are asked for, one at a time."""

    def __init__(self) -> None:
        self._readers: dict[str, Callable[[], bytes]] = {}

    def put(self, name: str, path: Path, limit_bytes: int) -> None:
        self._readers[name] = partial(read_regular, path.resolve(), limit_bytes)

    def keep(self, library: Library) -> None:
        """All files of a published library; each must still be what its name says when it is written again."""
        for subnet in library.manifest.subnets:
            for artifact in subnet.artifacts:
                self.put(artifact.file, library.path / artifact.file, artifact.size_bytes)
            for golden in subnet.golden:
                self.put(golden.image, library.path / golden.image, MAX_GOLDEN_BYTES)

    def __getitem__(self, name: str) -> bytes:
        return self._readers[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)


def _existing(path: Path) -> Library | None:
    """The library at `path`; None where there is room for a new one, which `publish` checks."""
    return open_library(path) if (path / MANIFEST_NAME).exists() else None


def _labels(request: AddRequest, library: Library | None) -> tuple[str, ...]:
    if library is None:
        if request.labels is None:
            raise BadInput("labels", f"{request.library} is a new library; name a file with one label a line")
        return request.labels
    known = library.manifest.task.labels
    if request.labels is not None and request.labels != known:
        raise BadInput("labels", f"differ from those of {request.library}: {', '.join(known[:8])}")
    return known


def _name(request: AddRequest, library: Library | None) -> str:
    if library is None:
        return request.name or "ofa-library"
    if request.name not in (None, library.manifest.name):
        raise BadInput("name", f"{request.name!r}, but {request.library} is {library.manifest.name!r}")
    return library.manifest.name


def _check_new(addition: Addition, rungs: list[schema.Subnet]) -> None:
    if any(rung.id == addition.id for rung in rungs):
        raise BadInput("id", f"{addition.id!r} is used already; choose another for {addition.path}")


def _check_other_bytes(addition: Addition, new: schema.Subnet, rungs: list[schema.Subnet]) -> None:
    sha256 = new.artifacts[0].sha256
    for rung in rungs:
        if any(artifact.sha256 == sha256 for artifact in rung.artifacts):
            raise BadInput("FILE", f"{addition.path} is the network of rung {rung.id!r} already")


def _rung(
    request: AddRequest,
    addition: Addition,
    labels: tuple[str, ...],
    first: schema.Input | None,
    files: _Files,
    predict: Predict,
) -> tuple[schema.Subnet, schema.Input]:
    where = str(addition.path)
    data = read_regular(addition.path.resolve(), MAX_BLOB_BYTES)
    info = inspect_blob(data, where)
    target = request.target or _TARGETS[info.format]
    check_platform(info, platform_of(target), where)
    _check_answers(info, len(labels), where)
    own_input = choose_input(info, request.input, first, where)
    shaves = info.shaves or request.shaves or MYRIAD2_SHAVES
    sha256 = hashlib.sha256(data).hexdigest()
    artifact = schema.Artifact(
        format=info.format,
        target=target,
        shaves=shaves,
        file=schema.blob_file(sha256, info.format),
        sha256=sha256,
        size_bytes=len(data),
    )
    files.put(artifact.file, addition.path, MAX_BLOB_BYTES)
    work = info.work or Work(0, 0, 0, 0)
    rung = schema.Subnet(
        id=addition.id,
        arch=None,
        params=work.params,
        macs_dense=work.macs_dense,
        macs_depthwise=work.macs_depthwise,
        layers=work.layers,
        accuracy=addition.accuracy,
        latency=_latency(addition, info, own_input, shaves, predict),
        artifacts=(artifact,),
        golden=tuple(_golden(golden, labels, own_input.channels, files) for golden in addition.goldens),
    )
    return rung, own_input


def _check_answers(info: BlobInfo, classes: int, where: str) -> None:
    if (info.result_tensors or 1) != 1:
        raise BlobInvalid(f"{where}: {info.result_tensors} answers, a classifier gives one")
    if info.outputs is not None and info.outputs != classes:
        raise BlobInvalid(f"{where}: answers {info.outputs} values, there are {classes} labels")
    if info.layer_types and not any(name.lower() == "softmax" for name in info.layer_types):
        raise BlobInvalid(
            f"{where}: does not end in SoftMax, so its answers are no confidences; compile it with one at its end"
        )


def _latency(
    addition: Addition, info: BlobInfo, own_input: schema.Input, shaves: int, predict: Predict
) -> schema.Latency:
    if addition.predicted_ms is not None:
        return schema.Latency(predicted_ms=addition.predicted_ms, source="as given")
    if info.work is None:
        raise BadInput(
            "predicted-ms",
            f"{addition.path}: a file of format {info.format} does not tell how much work it is;"
            " give the camera's InferenceTime in ms, or an estimate",
        )
    return predict(info.work, round((own_input.width * own_input.height) ** 0.5), shaves)


def _golden(choice: GoldenChoice, labels: tuple[str, ...], channels: int, files: _Files) -> schema.Golden:
    path = choice.image
    if not path.exists():
        raise BlobMissing(f"{path}: golden image is missing")
    data = read_regular(path.resolve(), MAX_GOLDEN_BYTES)
    decode_golden(data, channels, str(path))
    name = schema.golden_file(hashlib.sha256(data).hexdigest())
    files.put(name, path, MAX_GOLDEN_BYTES)
    return schema.Golden(image=name, class_id=_class_id(choice.label, labels), confidence=choice.confidence)


def _class_id(label: str, labels: tuple[str, ...]) -> int:
    """A label, or its number where no label is called so."""
    if label in labels:
        return labels.index(label)
    if label.isascii() and label.isdigit() and int(label) < len(labels):
        return int(label)
    raise BadInput("golden", f"{label!r} is neither a label nor a number below {len(labels)}")


def _manifest(
    library: Library | None, name: str, labels: tuple[str, ...], own: schema.Input, rungs: tuple[schema.Subnet, ...]
) -> schema.Manifest:
    if library is not None:
        return msgspec.structs.replace(
            library.manifest, version=library.manifest.version + 1, created=creation_time(), subnets=rungs
        )
    return schema.Manifest(
        schema=schema.SCHEMA,
        name=name,
        version=1,
        created=creation_time(),
        task=schema.Task(type="classification", labels=labels),
        input=own,
        supernet=None,
        subnets=rungs,
    )
