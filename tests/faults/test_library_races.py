"""What was hashed is what is uploaded: whoever changes files between any two reads gets nothing past the signature.

Every call of the agent to the file system is a point; at each of them each attack strikes once.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from agent.clock import run_virtual
from agent.errors import DigestMismatch, LibraryError, SignatureInvalid
from agent.library import open_library
from agent.library.files import exchange
from agent.library.signing import sign, trusted, verify
from agent.sim.spec import TransportSpec
from agent.staging import Staging
from agent.supervisor.source import LibrarySource
from agent.swap.transaction import Payload
from tests.contract.rig import SMALL_CHUNKS, Rig, play
from tests.reliability.recorder import Reliability
from tests.support.library_station import CAMERA, Station
from tests.support.tiny_libraries import png, publish_tiny, tiny_ir, tiny_manifest, tiny_subnet

Strike = Callable[[Station], object]
BLOB, GOLDEN = tiny_subnet(0)[1]
LEAST_POINTS = 20


class PointsOs:
    """The `os` of agent.library.files: before and after each of its calls `strike` has its chance."""

    def __init__(self) -> None:
        self.point = 0
        self.strike_at = -1
        self.strike: Callable[[], object] = lambda: None

    def __getattr__(self, name: str) -> Any:
        plain = getattr(os, name)
        if name not in ("open", "stat", "fstat", "fdopen", "close"):
            return plain

        def called(*args: Any, **options: Any) -> Any:
            self._pass()
            answer = plain(*args, **options)
            self._pass()
            return answer

        return called

    def _pass(self) -> None:
        if self.point == self.strike_at:
            self.strike()
        self.point += 1


def replaced(path: Path, data: bytes) -> None:
    staging = path.with_name("staging")
    staging.write_bytes(data)
    os.replace(staging, path)


def over(path: Path, data: bytes) -> None:
    """In place: whoever has the file open sees it."""
    with open(path, "r+b") as file:
        file.truncate(0)
        file.write(data)


def folder_linked(station: Station, name: str) -> None:
    shutil.copytree(station.folder / "evil" / name, station.folder / f"away-{name}")
    os.rename(station.folder / "v1" / name, station.folder / f"old-{name}")
    (station.folder / "v1" / name).symlink_to(station.folder / f"away-{name}")


STRIKES: dict[str, Strike] = {
    "blob replaced": lambda s: replaced(s.folder / "v1" / BLOB, tiny_ir(salt=9)),
    "blob overwritten": lambda s: over(s.folder / "v1" / BLOB, tiny_ir(salt=9)),
    "golden replaced": lambda s: replaced(s.folder / "v1" / GOLDEN, png(99)),
    "golden overwritten": lambda s: over(s.folder / "v1" / GOLDEN, png(99)),
    "manifest replaced": lambda s: replaced(
        s.folder / "v1" / "manifest.json", (s.folder / "evil" / "manifest.json").read_bytes()
    ),
    "signature replaced": lambda s: replaced(
        s.folder / "v1" / "manifest.json.sig", (s.folder / "v2" / "manifest.json.sig").read_bytes()
    ),
    "key replaced": lambda s: replaced(s.public, (s.folder / "evil.pub").read_bytes()),
    "folder exchanged": lambda s: exchange(s.folder / "v1", s.folder / "evil"),
    "folder exchanged with a good one": lambda s: exchange(s.folder / "v1", s.folder / "v2"),
    "blobs linked": lambda s: folder_linked(s, "blobs"),
    "golden linked": lambda s: folder_linked(s, "golden"),
    "link turned": lambda s: s.turn(s.folder / "evil"),
    "all gone": lambda s: shutil.rmtree(s.folder / "v1"),
}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1 in use, a good version 2, and `evil`: the names of version 1 with other contents, signed by another."""
    station = Station(tmp_path_factory.mktemp("scene"))
    station.publish("v2", 3, version=2)
    private, _ = station.new_key("evil")
    publish_tiny(station.folder / "evil", created=5)
    for name in tiny_manifest()[1]:
        replaced(station.folder / "evil" / name, png(99) if name.endswith("png") else tiny_ir(salt=9))
    manifest = (station.folder / "evil" / "manifest.json").read_bytes()
    (station.folder / "evil" / "manifest.json.sig").write_bytes(sign(manifest, private))
    return station.folder


def on_stage(scene: Path, folder: Path) -> Station:
    shutil.copytree(scene, folder, symlinks=True)
    return Station(folder)


async def opened_and_loaded(station: Station) -> tuple[Staging, Payload]:
    staging = await station.started()
    source = staging.told[CAMERA].source
    assert source is not None
    return staging, await source.load("net-0")


def fits(staging: Staging, payload: Payload, key: Path, scene: Path) -> bool:
    """Whether what would be uploaded is what the released manifest names, and that one is signed."""
    assert staging.shelf is not None
    library = staging.shelf.libraries[CAMERA]
    signatures = [(scene / name / "manifest.json.sig").read_bytes() for name in ("v1", "v2")]
    number = library.manifest.version - 1
    verify(library.manifest_bytes, signatures[number], trusted([key]), "manifest")
    subnet = library.manifest.subnets[0]
    images = [library.manifest.subnets[0].golden[0].image]
    assert images == [f"golden/{sha256(png(10)).hexdigest()}.png"]
    return (
        sha256(payload.blob).hexdigest() == payload.sha256 == subnet.artifacts[0].sha256
        and len(payload.goldens) == 1
        and int(payload.goldens[0].image.min()) == int(payload.goldens[0].image.max()) == 10
    )


def points(scene: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many there are where nobody strikes."""
    system = PointsOs()
    monkeypatch.setattr("agent.library.files.os", system)
    station = on_stage(scene, folder)
    assert run_virtual(station.clock, opened_and_loaded(station))[1].sha256 == sha256(tiny_ir()).hexdigest()
    return system.point


def struck(name: str, chosen: Sequence[int], scene: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The attack at each of these points: nothing is handed out, or what the release key has signed."""
    for point in chosen:
        station = on_stage(scene, folder / f"at-{point}")
        system = PointsOs()
        system.strike_at, system.strike = point, partial(STRIKES[name], station)
        monkeypatch.setattr("agent.library.files.os", system)
        try:
            staging, payload = run_virtual(station.clock, opened_and_loaded(station))
        except LibraryError:
            pass
        else:
            assert fits(staging, payload, scene / "release.pub", scene), f"{name} at point {point}"
        assert system.point > point, "the attack did not strike"
        shutil.rmtree(station.folder)


@pytest.mark.parametrize("name", STRIKES)
def test_whatever_changes_between_two_reads_what_is_handed_out_was_signed(
    name: str, scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = points(scene, tmp_path / "plain", monkeypatch)
    assert most > LEAST_POINTS
    struck(name, sorted(random.Random(name).sample(range(most), 6)), scene, tmp_path, monkeypatch)


@pytest.mark.soak
@pytest.mark.parametrize("name", STRIKES)
def test_at_no_point_between_two_reads_a_change_gets_past_the_signature(
    name: str, scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reliability: Reliability
) -> None:
    for point in reliability.seeds(range(points(scene, tmp_path / "plain", monkeypatch))):
        struck(name, [point], scene, tmp_path, monkeypatch)
        reliability.count(11, "changes between reads")


def test_a_change_after_the_check_is_not_uploaded(scene: Path, tmp_path: Path) -> None:
    """What the simulated camera got at the seam of the vendor's SDK, while the files change at each chunk."""
    station = on_stage(scene, tmp_path / "station")
    chunks: list[int] = []

    async def main(made: Rig) -> None:
        source = LibrarySource(open_library(station.link, trusted_keys=[station.public]), made.clock)
        payload = await source.load("net-0")
        over(station.folder / "v1" / BLOB, tiny_ir(salt=9))
        await made.camera.connect(30)

        def progress(done: int, total: int) -> None:
            chunks.append(done)
            replaced(station.folder / "v1" / BLOB, os.urandom(total))

        await made.camera.upload_network(payload.blob, 60, progress)
        uploaded = bytes(made.device._parts.files.files["InferenceNetwork"].data)
        assert sha256(uploaded).hexdigest() == payload.sha256 == Path(BLOB).stem
        with pytest.raises(LibraryError):
            await source.load("net-0")

    play(main, replace(SMALL_CHUNKS, transport=TransportSpec(file_access_buffer_bytes=512)))
    assert len(chunks) > 3


# -- every bit ---------------------------------------------------------------------------------------------------------


def flipped(data: bytes, place: int, bit: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 1 << bit
    return bytes(changed)


def small(folder: Path) -> Station:
    """One sub-net, so that every bit can be tried."""
    folder.mkdir(exist_ok=True)
    station = Station(folder)
    station.turn(station.publish("small", 1))
    return station


def test_every_bit_of_manifest_signature_and_key_counts(tmp_path: Path, reliability: Reliability) -> None:
    station = small(tmp_path)
    root = station.folder / "small"
    manifest, signature = ((root / name).read_bytes() for name in ("manifest.json", "manifest.json.sig"))
    keys = trusted([station.public])
    verify(manifest, signature, keys, "both")
    for changed in all_flipped(manifest):
        assert not holds(changed, signature, keys), changed
    for changed in all_flipped(signature):
        assert not holds(manifest, changed, keys), changed
    public = station.public.read_bytes()
    for changed in all_flipped(public):
        station.public.write_bytes(changed)
        with pytest.raises(SignatureInvalid):  # no key, or another one
            verify(manifest, signature, trusted([station.public]), "key")
    reliability.count(11, "flips", 8 * (len(manifest) + len(signature) + len(public)))


def all_flipped(data: bytes) -> Iterator[bytes]:
    return (flipped(data, place, bit) for place in range(len(data)) for bit in range(8))


def holds(manifest: bytes, signature: bytes, keys: Sequence[Any]) -> bool:
    try:
        verify(manifest, signature, keys, "manifest")
    except SignatureInvalid:
        return False
    return True


@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
def test_a_flipped_bit_of_a_file_is_found_before_anything_is_handed_out(tmp_path: Path, signed: bool) -> None:
    assert bits(tmp_path, signed, lambda _: [random.Random(7).randrange(8)], step=3) > 0


@pytest.mark.soak
@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
def test_every_flipped_bit_of_a_file_is_found_before_anything_is_handed_out(
    tmp_path: Path, signed: bool, reliability: Reliability
) -> None:
    step = round(1 / reliability.scale)
    reliability.count(11, "flips", bits(tmp_path, signed, lambda _: range(8), step))


def bits(folder: Path, signed: bool, chosen: Callable[[int], Iterable[int]], step: int) -> int:
    """How many were flipped and found."""
    station, count = small(folder), 0
    library = open_library(station.link, trusted_keys=[station.public] if signed else None)
    payload_of = LibrarySource(library, station.clock)._read
    assert payload_of("net-0").sha256 == Path(BLOB).stem
    for name in (BLOB, GOLDEN):
        path = station.folder / "small" / name
        data = path.read_bytes()
        for place in range(0, len(data), step):
            for bit in chosen(place):
                path.write_bytes(flipped(data, place, bit))
                with pytest.raises(DigestMismatch):
                    payload_of("net-0")
                count += 1
        path.write_bytes(data)
    assert payload_of("net-0").sha256 == Path(BLOB).stem
    return count
