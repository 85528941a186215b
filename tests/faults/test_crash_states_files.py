"""Libraries, keys, the last good config and a camera's flash over a power loss: the old one or the new one."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

import pytest

from agent.app import state_lock
from agent.config import last_good
from agent.errors import BadInput, SignatureInvalid
from agent.library import generate_key, open_library, publish, sign_library, signing
from agent.library.files import make_folder
from agent.library.publish import Publication
from agent.pki import files as pki_files
from agent.pki.authority import Authority
from agent.sim.flash import Flash, StoredFile
from agent.sim.spec import StorageSpec
from tests.faults.crash_states import file_runs
from tests.faults.crash_states.file_runs import Part, publishing
from tests.faults.crash_states.report import failures, unrecorded
from tests.faults.crash_states.states import states
from tests.reliability.recorder import Reliability
from tests.support.tiny_libraries import decoded, tiny_manifest

LIBRARY = Path("plant") / "line" / "library"  # the folders above it are not there at first
STATE = Path("state")
KEYS = Path("keys")
FLASH = Path("flash.zip")
CA = Path("ca")
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
CONFIGS = [
    f"library: {{path: lib}}\ncameras: [{{name: {name}, sdk: simulated, simulation: {{socket: s}}}}]\n"
    f"version: 1 # {name * 900}\n".encode()
    for name in ("old", "new", "newest")
]


def libraries(aside: Path) -> list[Part]:
    for name in ("a", "b"):
        if not (aside / name).exists():
            generate_key(aside / name, aside / f"{name}.pub")
    return [
        Part(lambda root: published(root, 1)),
        Part(lambda root: sign_library(root / LIBRARY, aside / "a")),
        Part(lambda root: published(root, 2, aside / "b")),
        Part(lambda root: sign_library(root / LIBRARY, aside / "b")),
        Part(lambda root: published(root, 3), killed_in=(publishing, "sync_directory", "line")),
        Part(lambda root: published(root, 3)),
        Part(lambda root: published(root, 1, force=True)),
    ]


def published(root: Path, version: int, key: Path | None = None, force: bool = False) -> Publication:
    values, files = tiny_manifest(1 + version % 2, version=version)
    return publish(decoded(values), files, root / LIBRARY, key=key, force=force)


def library_there(aside: Path) -> Callable[[Path], Hashable]:
    """Its version and whose signature it bears; whatever is there is read whole."""

    def look(root: Path) -> Hashable:
        folder = root / LIBRARY
        if not folder.exists():
            return "none"
        library = open_library(folder)
        for subnet in library.manifest.subnets:
            for artifact in subnet.artifacts:
                library.read_artifact(subnet.id, artifact)
            library.golden_images(subnet.id)
        if not (folder / "manifest.json.sig").exists():
            return library.manifest.version, "unsigned"
        signature = (folder / "manifest.json.sig").read_bytes()
        for name in ("a", "b"):
            keys = signing.trusted([aside / f"{name}.pub"])
            try:
                signing.verify(library.manifest_bytes, signature, keys, "here")
            except SignatureInvalid:
                continue
            return library.manifest.version, name
        raise AssertionError("a signature that fits no key")

    return look


def configs(_: Path) -> list[Part]:
    first, second, third = (lambda root, data=data: kept(root, data) for data in CONFIGS)
    return [
        Part(first),
        Part(second),
        Part(third, killed_in=(last_good, "_sync", "state")),
        Part(third),
    ]


def kept(root: Path, data: bytes) -> None:
    make_folder(root / STATE)
    last_good.keep(root / STATE, data)


def config_there(aside: Path) -> Callable[[Path], Hashable]:
    """The bytes that the daemon would start from, where its own file is broken."""

    def look(root: Path) -> Hashable:
        if not (root / STATE / last_good.NAME).exists():
            return "none"
        file = aside / "agent.yaml"
        file.write_text(f"state_dir: {root / STATE}\nand then it breaks off")
        found = last_good.load_or_last_good(file, lambda config: None)
        assert found.data in CONFIGS
        return found.config.cameras[0].name

    return look


def keys(_: Path) -> list[Part]:
    def make(root: Path) -> None:
        make_folder(root / KEYS)
        generate_key(root / KEYS / "key.pem", root / KEYS / "key.pub")

    return [Part(make, between=((True, False),))]


def keys_there(_: Path) -> Callable[[Path], Hashable]:
    """Which of the two is there; a private key signs, and the public one is its other half."""

    def look(root: Path) -> Hashable:
        private, public = root / KEYS / "key.pem", root / KEYS / "key.pub"
        if private.exists():
            signature = signing.sign(b"data", private)
            if public.exists():
                signing.verify(b"data", signature, signing.trusted([public]), "here")
        return private.exists(), public.exists()

    return look


def authorities(_: Path) -> list[Part]:
    """The CA of a plant: made, a client issued and killed before its link is there, revoked, its list signed anew."""
    revoked = ((1, 1, 1, False), (1, 1, 2, False))
    return [
        Part(lambda root: Authority.create(root / CA, "plant", NOW)),
        Part(lambda root: Authority(root / CA).issue_client("plc", NOW), killed_in=(pki_files, "point", "plc")),
        Part(lambda root: Authority(root / CA).revoke("plc", NOW, "key-compromise"), between=revoked),
        Part(lambda root: Authority(root / CA).write_crl(NOW), between=((1, 1, 3, True),)),
    ]


def authority_there(_: Path) -> Callable[[Path], Hashable]:
    """How many were issued and revoked, the number of the list, and whether the list has all that were revoked."""

    def look(root: Path) -> Hashable:
        if not (root / CA).exists():
            return "none"
        found = Authority(root / CA)
        found._ca_key()  # raises where it is not the key of this CA
        entries = found.entries(NOW)
        revoked = [entry for entry in entries if entry.issued.revoked is not None]
        return len(entries), len(revoked), found.index.crl_number, found.crl_until() is not None

    return look


def flashes(_: Path) -> list[Part]:
    def save(root: Path, fill: bytes) -> None:
        Flash(StorageSpec(flash_file=str(root / FLASH))).save(
            {"net": StoredFile(bytearray(fill * 5000), in_flash=True)}
        )

    return [Part(lambda root, fill=fill: save(root, fill)) for fill in (b"a", b"b")]  # type: ignore[misc]


def flash_there(_: Path) -> Callable[[Path], Hashable]:
    return lambda root: tuple(sorted(Flash(StorageSpec(flash_file=str(root / FLASH))).load().items()))


def state_folders(_: Path) -> list[Part]:
    def begin(root: Path) -> None:
        with state_lock(root / "var" / "lib" / "agent"):
            pass

    return [Part(begin)]


def state_folder_there(_: Path) -> Callable[[Path], Hashable]:
    return lambda root: (root / "var" / "lib" / "agent").is_dir()


@dataclass(frozen=True)
class Story:
    """Steps of real code on files, and how what they left is looked at; both by a folder that is not recorded.

    `durable`: what was acknowledged stays over a power loss, not only a process that dies.
    """

    parts: Callable[[Path], list[Part]]
    look: Callable[[Path], Callable[[Path], Hashable]]
    durable: bool = True


STORIES = {
    "library": Story(libraries, library_there),
    "last good config": Story(configs, config_there),
    "keys": Story(keys, keys_there),
    "CA": Story(authorities, authority_there),
    "state folder": Story(state_folders, state_folder_there),
    "flash": Story(flashes, flash_there, durable=False),
}


def found_wrong(
    tmp_path: Path, name: str, seed: int, each: int, points: int | None, most: int = 20,
    counted: Callable[[int], None] = lambda _: None,
) -> list[str]:  # fmt: skip
    story = STORIES[name]
    root, aside = tmp_path / "recorded", tmp_path / "aside"
    root.mkdir()
    aside.mkdir()
    played = file_runs.play(root, story.look(aside), story.parts(aside))
    assert not unrecorded(played.record)
    assert len(set(played.outcomes)) > 1, "steps that change nothing prove nothing"
    left = states(played.record, seed, each, points)
    return failures(
        left, lambda state, at: file_runs.fault(played, state, at, story.durable), f"{name} seed {seed}", most, counted
    )


@pytest.mark.parametrize("name", STORIES)
def test_after_a_power_loss_there_is_the_old_or_the_new_one(tmp_path: Path, name: str) -> None:
    assert found_wrong(tmp_path, name, seed=1, each=3, points=40) == []


@pytest.mark.soak
@pytest.mark.parametrize("name", STORIES)
def test_in_every_state_there_is_the_old_or_the_new_one(tmp_path: Path, name: str, reliability: Reliability) -> None:
    each = reliability.scaled(60, least=2)
    counted = partial(reliability.count, 1, "states", seed=2)
    assert found_wrong(tmp_path, name, seed=2, each=each, points=None, counted=counted) == []


def test_a_key_can_be_made_on_a_stick_whose_file_system_has_no_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(source: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    generate_key(tmp_path / "key.pem", tmp_path / "key.pub")
    made = (tmp_path / "key.pem").read_bytes()
    with pytest.raises(BadInput, match="a key is never overwritten"):
        generate_key(tmp_path / "key.pem", tmp_path / "other.pub")
    assert (tmp_path / "key.pem").read_bytes() == made
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key.pem", "key.pub"]


def _nothing(path: Path) -> None:
    return None


def _hasty(path: Path, data: bytes) -> None:
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "module", "call", "instead"),
    [
        ("library", publishing, "sync_directory", _nothing),
        ("library", publishing, "write_durably", _hasty),
        ("library", publishing, "exchange", lambda one, other: False),
        ("last good config", last_good, "_write_durably", _hasty),
        ("last good config", last_good, "_sync", _nothing),
        ("keys", signing, "sync_directory", _nothing),
        ("CA", pki_files, "sync", _nothing),
    ],
)
def test_code_that_leaves_out_a_sync_or_replaces_in_two_steps_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: object, call: str, instead: object
) -> None:
    monkeypatch.setattr(module, call, instead)
    assert len(found_wrong(tmp_path, name, seed=1, each=6, points=None, most=1)) == 1
