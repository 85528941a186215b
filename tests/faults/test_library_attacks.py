"""Attacks on libraries, after the list of The Update Framework: none of them gets a byte to a camera.

Each test goes the daemon's own way, from the config over the signed library to what would be uploaded.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import struct
import zlib
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.clock import VirtualClock, run_virtual
from agent.errors import BlobInvalid, DigestMismatch, LibraryError, ManifestInvalid, SignatureInvalid
from agent.library import InputMismatch
from agent.library.png import MAX_GOLDEN_SIDE
from agent.library.reads import READ_DEADLINE_S
from agent.library.signing import sign
from agent.library.store import MAX_UNPACKED_BYTES
from agent.telemetry.ids import SeededIds
from agent.telemetry.journal import SqliteJournal
from tests.support.library_station import CAMERA, Station
from tests.support.network_files import ncsdk2
from tests.support.tiny_libraries import edit_manifest, png, publish_tiny, sha256, tiny_ir, tiny_manifest, tiny_subnet


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Station:
    return Station(tmp_path_factory.mktemp("released"))


@pytest.fixture
def station(tmp_path: Path, released: Station) -> Station:
    return released.copied(tmp_path)


def put_blob(station: Station, data: bytes, ending: str = "ovir", **fields: Any) -> None:
    """Make `data` the network of net-0, under its own digest and a good signature."""
    file = f"blobs/{sha256(data)}.{ending}"
    (station.link / file).write_bytes(data)
    told = {"file": file, "sha256": sha256(data), "size_bytes": len(data), **fields}
    station.forge(station.link, lambda values: values["subnets"][0]["artifacts"][0].update(told))


def put_golden(station: Station, data: bytes) -> None:
    file = f"golden/{sha256(data)}.png"
    (station.link / file).write_bytes(data)
    station.forge(station.link, lambda values: values["subnets"][0]["golden"][0].update(image=file))


def refused(station: Station, error: type[LibraryError], match: str = ".", **library: Any) -> None:
    with pytest.raises(error, match=match) as caught:
        station.load(allow_older=True, **library)  # the mark of versions does not help here
    assert "\n" not in str(caught.value)


def test_what_is_attacked_here_loads_where_nobody_attacks(station: Station) -> None:
    payload = station.load()
    assert (payload.blob, payload.sha256) == (tiny_ir(), sha256(tiny_ir()))


# -- arbitrary software, keys ------------------------------------------------------------------------------------------


def test_a_network_that_nobody_released_is_refused(station: Station) -> None:
    evil = publish_tiny(station.folder / "evil", 3)
    station.turn(evil)
    refused(station, SignatureInvalid, "missing")
    private, _ = station.new_key("evil")
    (evil / "manifest.json.sig").write_bytes(sign((evil / "manifest.json").read_bytes(), private))
    refused(station, SignatureInvalid, "not signed by any of 1 trusted keys")


def test_a_network_that_took_the_place_of_a_released_one_is_refused(station: Station) -> None:
    blob = next((station.link / "blobs").glob(f"{sha256(tiny_ir())}.*"))
    blob.write_bytes(tiny_ir(salt=9))
    refused(station, DigestMismatch, blob.name)


def test_a_key_that_was_taken_out_opens_nothing_also_where_its_file_was_replaced_while_the_daemon_runs(
    station: Station,
) -> None:
    _, other = station.new_key("next")
    station.load()
    os.replace(other, station.public)
    refused(station, SignatureInvalid, "not signed by any of 1 trusted keys")


def test_old_and_new_key_overlap_until_the_old_one_is_taken_out(station: Station) -> None:
    new, new_public = station.new_key("new")
    both = (station.public, new_public)
    station.load(trusted_keys=both)
    station.turn(station.publish("v2", version=2, key=new))
    station.load(trusted_keys=both)
    station.load(trusted_keys=(new_public,))
    refused(station, SignatureInvalid, "not signed by any of 1", trusted_keys=(station.public,))
    station.turn(station.folder / "v1")
    refused(station, SignatureInvalid, "not signed by any of 1", trusted_keys=(new_public,))


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "missing"),
        (b"", "not a usable public key"),
        (b"-----BEGIN PUBLIC KEY-----\n", "not a usable public key"),
        ("private", "not a usable public key"),
        ("twice", "holds more than one public key"),
        ("folder", "not a regular file"),
        ("fifo", "not a regular file"),
    ],
)
def test_a_trusted_key_that_is_none_is_named_and_never_passed_over(
    station: Station, place: int, content: bytes | str | None, says: str
) -> None:
    bad = station.folder / "bad.pub"
    if content == "folder":
        bad.mkdir()
    elif content == "fifo":
        os.mkfifo(bad)
    elif content == "private":
        bad.write_bytes(station.key.read_bytes())
    elif content == "twice":
        bad.write_bytes(station.new_key("a")[1].read_bytes() + station.new_key("b")[1].read_bytes())
    elif isinstance(content, bytes):
        bad.write_bytes(content)
    keys = [station.public]
    keys.insert(place, bad)
    refused(station, SignatureInvalid, f"{bad}: .*{says}", trusted_keys=tuple(keys))


def test_the_same_key_twice_is_named(station: Station) -> None:
    copy = station.folder / "copy.pub"
    shutil.copy(station.public, copy)
    refused(station, SignatureInvalid, f"{copy}: the same key as {station.public}", trusted_keys=(station.public, copy))


# -- rollback, freeze --------------------------------------------------------------------------------------------------


def journal(folder: Path, clock: VirtualClock) -> SqliteJournal:
    return SqliteJournal(folder / "state" / "journal.sqlite3", clock, SeededIds(1))


def runs(tmp_path: Path, *steps: Callable[[Station], object]) -> list[str]:
    """Each step in a run of its own on one journal; what came of each: the version that loaded, or why none did."""
    told = []
    clock = VirtualClock()
    station = Station(tmp_path, clock=clock)

    async def run(step: Callable[[Station], object]) -> str:
        book = journal(tmp_path, clock)
        settings = step(station)
        await book.open()
        station.trust = book
        try:
            staging = await station.started(**(settings if isinstance(settings, dict) else {}))
            assert staging.shelf is not None
            source = staging.told[CAMERA].source
            assert source is not None
            await source.load("net-0")
            return str(staging.shelf.library.manifest.version)
        except LibraryError as error:
            return str(error).partition(": ")[2].partition(";")[0]
        finally:
            told_by = await book.audit(None, 10, None)
            assert all(entry.client == "ofa-agent" for entry in told_by.entries)
            await book.close()

    for step in steps:
        told.append(run_virtual(clock, run(step)))
    return told


def test_an_older_version_is_refused_after_a_restart_too(tmp_path: Path) -> None:
    older = "version 1 of library 'tiny' is older than 2, which was in use here"
    assert runs(
        tmp_path,
        lambda s: None,
        lambda s: s.turn(s.publish("v2", 3, version=2)),
        lambda s: s.turn(s.folder / "v1"),
        lambda s: {"allow_older": True},
        lambda s: None,  # the mark was lowered on purpose
    ) == ["1", "2", older, "1", "1"]


def test_another_manifest_of_a_version_that_ran_is_refused_after_a_restart_too(tmp_path: Path) -> None:
    (first, second) = runs(tmp_path, lambda s: None, lambda s: s.turn(s.publish("twin", 3, version=1)))
    assert first == "1"
    assert second.startswith("version 1 of library 'tiny' was in use here with another manifest")


def test_a_lost_journal_makes_the_first_library_after_it_the_newest_known(tmp_path: Path) -> None:
    def lose(station: Station) -> None:
        station.turn(station.folder / "v1")
        shutil.rmtree(station.folder / "state")

    steps = (lambda s: s.turn(s.publish("v2", 3, version=2)), lose, lambda s: s.turn(s.folder / "v2"))
    assert runs(tmp_path, *steps) == ["2", "1", "2"]


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("decisions", "version 1 of library 'tiny' is older than 2, which was in use here"),
        ("trust", "1"),  # gone with its page; the journal says by an alarm and in the audit that it was damaged
    ],
)
def test_a_damaged_journal_keeps_the_marks_as_far_as_they_can_be_read(tmp_path: Path, table: str, told: str) -> None:
    def damage(station: Station) -> None:
        station.turn(station.folder / "v1")
        path = station.folder / "state" / "journal.sqlite3"
        with closing(sqlite3.connect(path)) as db:
            page = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
            size = db.execute("PRAGMA page_size").fetchone()[0]
        with open(path, "r+b") as file:
            file.seek((page - 1) * size)
            file.write(b"\xff" * size)

    assert runs(tmp_path, lambda s: s.turn(s.publish("v2", 3, version=2)), damage) == ["2", told]
    with closing(sqlite3.connect(tmp_path / "state" / "journal.sqlite3")) as db:
        methods = [row[0] for row in db.execute("SELECT method FROM audit ORDER BY seq")]
    assert "JournalSalvaged" in methods


def test_a_link_that_nobody_turns_any_more_is_an_old_library_for_the_alarm(station: Station) -> None:
    """tests/unit/supervisor/test_library_age.py has the alarm itself: here, what it is told of."""
    now_s = round(station.clock.wall_ns() / 1e9)
    station.turn(station.publish("v2", version=2, created=now_s - 100 * 86_400))
    station.publish("v3", version=3, created=now_s)

    async def main() -> None:
        staging = await station.started(max_age_days=90)
        assert staging.aged is not None
        assert (staging.aged.named, staging.aged.left_s(station.clock.wall_ns()) < 0) == ("tiny 2", True)
        station.turn(station.folder / "v3")
        (await staging.stage(station.config(max_age_days=90))).apply()
        assert staging.aged is not None
        assert (staging.aged.named, staging.aged.left_s(station.clock.wall_ns()) > 0) == ("tiny 3", True)
        assert (await station.started()).aged is None

    run_virtual(station.clock, main())


# -- mix and match, wrong target, extraneous files ---------------------------------------------------------------------


@pytest.mark.parametrize("what", ["manifest.json", "manifest.json.sig", "blobs", "golden"])
def test_parts_of_two_good_versions_make_no_library(station: Station, what: str) -> None:
    """All parts are signed or named by what is signed, by the same key, only not together."""
    other = station.folder / "other"
    values, files = tiny_manifest(2, version=2)
    fresh = {name: png(99) if name.startswith("golden") else tiny_ir(salt=77) for name in files}
    shutil.copytree(station.folder / "v1", other)
    if what in ("blobs", "golden"):
        for name, data in fresh.items():
            if name.startswith(what):
                (other / name).write_bytes(data)
        expected: type[LibraryError] = DigestMismatch
    else:
        v2 = station.publish("v2", 3, version=2, subnets=tiny_manifest(3)[0]["subnets"])
        shutil.copy(v2 / what, other / what)
        expected = SignatureInvalid
    assert values["version"] == 2
    station.turn(other)
    refused(station, expected)


@pytest.mark.parametrize(
    ("data", "ending", "fields", "error"),
    [
        (ncsdk2(side=32)[0], "ovir", {}, BlobInvalid),
        (ncsdk2(side=16)[0], "graph", {"format": "ncsdk-graph-2", "target": "firefly-dl"}, InputMismatch),
        (ncsdk2(side=32, classes=9)[0], "graph", {"format": "ncsdk-graph-2", "target": "firefly-dl"}, BlobInvalid),
        (ncsdk2(side=32, shaves=16)[0], "graph", {"format": "ncsdk-graph-2", "target": "firefly-dl", "shaves": 16},
         BlobInvalid),
        (ncsdk2(side=32, shaves=16)[0], "graph", {"format": "ncsdk-graph-2", "target": "myriadx", "shaves": 16},
         BlobInvalid),
        (ncsdk2(side=32, shaves=16)[0], "graph", {"format": "ncsdk-graph-2", "target": "any", "shaves": 16},
         BlobInvalid),
        (ncsdk2(side=32, shaves=8)[0], "graph", {"format": "ncsdk-graph-2", "target": "firefly-dl", "shaves": 12},
         BlobInvalid),
        (tiny_ir(16), "ovir", {}, InputMismatch),
        (tiny_ir(32, classes=9), "ovir", {}, BlobInvalid),
    ],
    ids=["format", "input", "classes", "processor", "target", "no target", "shaves", "ir input", "ir classes"],
)  # fmt: skip
def test_a_released_network_for_something_else_is_refused(
    station: Station, data: bytes, ending: str, fields: dict[str, Any], error: type[LibraryError]
) -> None:
    station.formats = ("openvino-ir-10", "ncsdk-graph-2")
    put_blob(station, data, ending, **fields)
    refused(station, error)


def test_files_that_the_manifest_does_not_name_are_never_opened(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = station.folder / "v1"
    for name in ("evil.py", "blobs/evil.ovir", f"golden/{'0' * 64}.png", "manifest.json.bak", ".manifest.json"):
        (root / name).write_bytes(b"evil")
    opened: list[str] = []
    plain = os.open

    def note(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        opened.append(Path(path).name)
        return plain(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", note)
    station.load()
    named = {Path(file).name for file in tiny_manifest(1)[1]}
    folders = {"v1", "blobs", "golden"}
    assert set(opened) - folders == named | {"manifest.json", "manifest.json.sig", "release.pub"}
    assert sorted(name for name in opened if name not in folders) == sorted(set(opened) - folders)  # each once


# -- endless data, names, bombs ----------------------------------------------------------------------------------------

FILES = ("manifest.json", "manifest.json.sig", "blob", "golden")


def place(station: Station, what: str) -> Path:
    inside = dict(zip(("blob", "golden"), tiny_subnet(0)[1], strict=True))
    return (station.folder / "v1") / inside.get(what, what)


@pytest.mark.parametrize("what", FILES)
@pytest.mark.parametrize("kind", ["sparse", "fifo", "link", "device", "folder", "socket", "outside"])
def test_what_is_no_plain_file_of_its_size_is_neither_read_nor_waited_for(
    station: Station, what: str, kind: str
) -> None:
    path = place(station, what)
    away = station.folder / "away"
    shutil.move(path, away)
    if kind == "sparse":
        with open(path, "wb") as file:
            file.truncate(1 << 40)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "socket":
        os.mknod(path, 0o140644)
    elif kind == "outside":  # the folder that it lies in is a link; for the others that is the library's own link
        shutil.move(away, path)
        if path.parent.name == "v1":
            path.unlink()
        else:
            shutil.move(path.parent, station.folder / "outside")
            path.parent.symlink_to(station.folder / "outside")
    else:
        path.symlink_to("/dev/zero" if kind == "device" else away)
    refused(station, LibraryError)


@pytest.mark.parametrize(
    "name",
    [
        "../release.key",
        "/etc/passwd",
        "blobs/../../release.key",
        "blobs/%2e%2e/x.ovir",
        f"blobs/{'A' * 64}.ovir",
        f"blobs/{'a' * 64}.OVIR",
        f"BLOBS/{'a' * 64}.ovir",
        f"blobs/{'a' * 63}\N{FULLWIDTH LATIN SMALL LETTER A}.ovir",
        f"blobs/{'a' * 63}\N{CYRILLIC SMALL LETTER A}.ovir",
        "blobs/" + "\N{ARABIC-INDIC DIGIT ONE}" * 64 + ".ovir",
        f"blobs/{'a' * 64}.ovir\n",
        f"blobs/{'a' * 64}.ovir\0",
        f"blobs//{'a' * 64}.ovir",
        f"blobs/./{'a' * 64}.ovir",
        f"golden/{'a' * 64}.png",
    ],
)
def test_a_name_that_could_lead_elsewhere_is_refused_also_under_a_good_signature(station: Station, name: str) -> None:
    station.forge(station.link, lambda values: values["subnets"][0]["artifacts"][0].update(file=name))
    refused(station, ManifestInvalid, r"subnets\[0\].artifacts\[0\].file|subnets\[\.\.\.\]")
    image = name.replace("blobs", "golden").replace(".ovir", ".png") if name.startswith("blobs") else name
    if image != f"golden/{'a' * 64}.png":
        station.forge(station.link, lambda values: values["subnets"][0]["golden"][0].update(image=image))
        refused(station, ManifestInvalid)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width: int, height: int, *more: bytes) -> bytes:
    """A grey PNG that says it has so many pixels and packs 16 MiB of zeros into a few kilobytes."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    pixels = zlib.compressobj(9)
    packed = b"".join(pixels.compress(bytes(1 << 20)) for _ in range(16)) + pixels.flush()
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["large", "second header", "text"])
def test_a_golden_image_that_unpacks_to_more_than_it_says_is_refused_or_read_as_it_says(
    station: Station, kind: str
) -> None:
    if kind == "large":
        put_golden(station, bomb(MAX_GOLDEN_SIDE + 1, MAX_GOLDEN_SIDE))
        refused(station, BlobInvalid, "expected 1 .. 4096 a side")
        return
    second = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0))
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 26), 9))
    put_golden(station, bomb(16, 16, second if kind == "second header" else text))
    try:
        payload = station.load(allow_older=True)
    except BlobInvalid:
        return
    assert payload.goldens[0].image.shape == (16, 16)
    assert not np.any(payload.goldens[0].image)


def test_golden_images_that_unpack_to_more_than_the_memory_for_them_are_refused(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_UNPACKED_BYTES < 64 * MAX_GOLDEN_SIDE**2  # else the limit on each of them would do
    monkeypatch.setattr("agent.library.store.MAX_UNPACKED_BYTES", 3 * 16 * 16)
    images = [png(value) for value in range(4)]
    for data in images:
        (station.link / f"golden/{sha256(data)}.png").write_bytes(data)
    told = [{"image": f"golden/{sha256(data)}.png", "class_id": 1, "confidence": 0.9} for data in images]
    station.forge(station.link, lambda values: values["subnets"][0].update(golden=told[:3]))
    assert len(station.load(allow_older=True).goldens) == 3
    station.forge(station.link, lambda values: values["subnets"][0].update(golden=told))
    refused(station, BlobInvalid, "unpack to more than")


@pytest.mark.parametrize("method", [8, 9, 12, 14, 93])
def test_a_network_file_that_unpacks_is_refused(station: Station, method: int) -> None:
    data = bytearray(tiny_ir())
    first = data.index(b"PK\x01\x02")
    struct.pack_into("<H", data, 8, method)
    struct.pack_into("<H", data, first + 10, method)
    put_blob(station, bytes(data))
    refused(station, BlobInvalid, "is compressed, expected stored")


def test_a_network_file_that_says_it_is_larger_than_it_is_is_refused(station: Station) -> None:
    put_blob(station, tiny_ir(), size_bytes=1 << 28)
    refused(station, DigestMismatch)
    edit_manifest(station.link, lambda values: values["subnets"][0]["artifacts"][0].update(size_bytes=1 << 40))
    (station.link / "manifest.json.sig").write_bytes(sign((station.link / "manifest.json").read_bytes(), station.key))
    refused(station, ManifestInvalid, "size_bytes")


# -- slow retrieval ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["start", "load"])
def test_a_mount_that_does_not_answer_keeps_nobody_but_its_own_readers(
    station: Station, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    let_go = station.clock.signal()
    beats: list[int] = []

    def hang(*_: object) -> bytes:
        let_go.wait(None)
        raise BlobInvalid("the mount came back with an error")

    async def beat() -> None:
        while True:
            beats.append(station.clock.now_ns())
            await asyncio.sleep(1.0)

    async def main() -> None:
        heart = asyncio.create_task(beat())
        staging = None if where == "start" else await station.started()
        monkeypatch.setattr("agent.library.store.read_member", hang)
        with pytest.raises(LibraryError, match=f"no answer within {READ_DEADLINE_S:g} s"):
            await (station.started() if staging is None else staging.told[CAMERA].source.load("net-0"))  # type: ignore[union-attr]
        if staging is not None:
            source = staging.told[CAMERA].source
            assert source is not None
            before_ns = station.clock.now_ns()
            with pytest.raises(LibraryError, match="an earlier read still hangs"):
                await source.load("net-0")  # no second thread waits for the same mount
            assert station.clock.now_ns() == before_ns
        let_go.set()
        await asyncio.sleep(1.0)
        heart.cancel()

    run_virtual(station.clock, main())
    assert len(beats) >= READ_DEADLINE_S
    assert max(after - before for before, after in pairwise(beats)) < 2e9
