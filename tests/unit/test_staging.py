"""From a config to what the supervisors are told: libraries are opened, judged and handed over in one go."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from agent.app import supervisor_settings
from agent.clock import VirtualClock, run_virtual
from agent.config import AgentConfig, Camera, LibrarySource
from agent.domain.reload import ReloadClass
from agent.errors import JournalError, LibraryError, LibraryNotFound, SignatureInvalid
from agent.library import generate_key, sign_library
from agent.library.store import Library, open_library
from agent.staging import Ahead, Staging, open_shelf
from agent.supervisor.settings import SupervisorSettings
from agent.supervisor.source import SubnetSource
from tests.support.memory_trust import MemoryTrust
from tests.support.tiny_libraries import edit_manifest, publish_tiny

Told = tuple[SupervisorSettings, SubnetSource | None]


@dataclass
class Room:
    """A supervisor as far as a reload sees it."""

    told: list[Told] = field(default_factory=list)
    error: Exception | None = None

    def reconfigure(self, settings: SupervisorSettings, source: SubnetSource | None) -> None:
        if self.error is not None:
            raise self.error
        self.told.append((settings, source))


@dataclass
class Bench:
    """Two cameras on the library behind a link."""

    folder: Path
    clock: VirtualClock = field(default_factory=VirtualClock)
    rooms: dict[str, Room] = field(default_factory=lambda: {"a": Room(), "b": Room()})
    also: list[AgentConfig] = field(default_factory=list)
    trust: MemoryTrust = field(default_factory=MemoryTrust)

    def __post_init__(self) -> None:
        publish_tiny(self.folder / "v1")
        turn(self.link, self.folder / "v1")
        run_virtual(self.clock, self.start())

    async def start(self) -> None:
        """As a new run of the daemon would."""
        self.staging = Staging(self.clock, self.trust, supervisor_settings, self.also.append)
        await self.staging.open(self.config())
        self.staging.attach(self.rooms)

    async def taken(self, config: AgentConfig) -> None:
        """What a reload does."""
        staged = await self.staging.stage(config)
        staged.apply()
        await staged.commit()

    @property
    def link(self) -> Path:
        return self.folder / "library"

    def config(self, **library: Any) -> AgentConfig:
        cameras = tuple(Camera(name, "simulated", name, ("openvino-ir-10",)) for name in ("a", "b"))
        source = LibrarySource(**{"path": self.link, **library})
        return AgentConfig(self.folder / "agent.yaml", cameras, library=source)

    def run(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        run_virtual(self.clock, main())


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def turn(link: Path, target: Path) -> None:
    staging = link.with_name(f".{link.name}")
    staging.symlink_to(target)
    staging.replace(link)


def test_a_link_that_is_turned_gives_every_camera_the_new_version(bench: Bench) -> None:
    publish_tiny(bench.folder / "v2", 3, version=2)

    async def main() -> None:
        turn(bench.link, bench.folder / "v2")
        staged = await bench.staging.stage(bench.config())
        (change,) = staged.changes
        assert (change.key, change.reload) == ("library", ReloadClass.SWAP)
        assert change.before.startswith(f"tiny 1 in {bench.folder / 'v1'} (manifest ")
        assert change.after.startswith(f"tiny 2 in {bench.folder / 'v2'} (manifest ")
        assert bench.rooms["a"].told == []
        staged.apply()
        for room in bench.rooms.values():
            ((_, source),) = room.told
            assert source is not None
            assert (source.catalogue.version, len(source.catalogue.subnets)) == (2, 3)
        assert len(bench.also) == 1

    bench.run(main)


def test_the_library_that_stays_is_the_very_same_source(bench: Bench) -> None:
    before = dict(bench.staging.told)

    async def main() -> None:
        config = bench.config()
        staged = await bench.staging.stage(replace(config, policy=replace(config.policy, notice_s=9.0)))
        assert staged.changes == ()
        staged.apply()
        for name, room in bench.rooms.items():
            ((settings, source),) = room.told
            assert settings.notice_s == 9.0
            assert source is before[name].source

    bench.run(main)


def test_what_was_told_can_be_taken_back(bench: Bench) -> None:
    publish_tiny(bench.folder / "v2", version=2)
    before = dict(bench.staging.told)

    async def main() -> None:
        turn(bench.link, bench.folder / "v2")
        staged = await bench.staging.stage(bench.config())
        bench.rooms["b"].error = ZeroDivisionError("a fault in taking over")
        with pytest.raises(ZeroDivisionError):
            staged.apply()
        bench.rooms["b"].error = None
        staged.undo()
        assert [source for _, source in bench.rooms["a"].told][-1] is before["a"].source
        assert bench.staging.told == before
        assert [change.key for change in (await bench.staging.stage(bench.config())).changes] == ["library"]

    bench.run(main)


def test_a_room_that_fails_does_not_keep_the_others_from_being_told(bench: Bench) -> None:
    async def main() -> None:
        staged = await bench.staging.stage(bench.config())
        bench.rooms["a"].error = ZeroDivisionError("a fault in taking over")
        with pytest.raises(ZeroDivisionError):
            staged.undo()
        assert len(bench.rooms["b"].told) == len(bench.also) == 1

    bench.run(main)


def test_another_version_in_the_same_place_is_seen(bench: Bench) -> None:
    publish_tiny(bench.folder / "v1", 3, version=2)

    async def main() -> None:
        (change,) = (await bench.staging.stage(bench.config())).changes
        assert (change.before[:6], change.after[:6]) == ("tiny 1", "tiny 2")

    bench.run(main)


def test_an_older_version_is_refused_unless_the_config_allows_it(tmp_path: Path) -> None:
    publish_tiny(tmp_path / "v2", version=2)
    bench = Bench(tmp_path)

    async def main() -> None:
        turn(bench.link, tmp_path / "v2")
        await bench.taken(bench.config())
        turn(bench.link, tmp_path / "v1")
        with pytest.raises(
            LibraryError, match=r"version 1 of library 'tiny' is older than 2, which was in use .*allow_older: true"
        ):
            await bench.staging.stage(bench.config())
        await bench.taken(bench.config(allow_older=True))
        assert bench.staging.shelf is not None
        assert bench.staging.shelf.library.manifest.version == 1

    bench.run(main)


def test_a_library_of_another_name_has_versions_of_its_own(bench: Bench) -> None:
    publish_tiny(bench.folder / "v1", version=9, name="tiny")
    publish_tiny(bench.folder / "other", name="other", version=1)

    async def main() -> None:
        (await bench.staging.stage(bench.config())).apply()
        staged = await bench.staging.stage(bench.config(path=bench.folder / "other"))
        staged.apply()
        assert bench.staging.shelf is not None
        assert bench.staging.shelf.library.manifest.name == "other"

    bench.run(main)


def test_a_library_that_is_missing_or_of_no_use_to_a_camera_is_refused(bench: Bench) -> None:
    async def main() -> None:
        with pytest.raises(LibraryNotFound):
            await bench.staging.stage(bench.config(path=bench.folder / "nowhere"))
        config = bench.config()
        picky = replace(config.cameras[1], accepted_formats=("ncsdk-graph-2",))
        with pytest.raises(LibraryError, match=r"no sub-net has a format that camera b accepts \(ncsdk-graph-2\)"):
            await bench.staging.stage(replace(config, cameras=(config.cameras[0], picky)))

    bench.run(main)


def test_a_key_that_is_asked_for_from_now_on_must_have_signed(bench: Bench, tmp_path: Path) -> None:
    private, public = tmp_path / "key", tmp_path / "key.pub"
    generate_key(private, public)

    async def main() -> None:
        signed = bench.config(trusted_keys=(public,))
        with pytest.raises(SignatureInvalid):
            await bench.staging.stage(signed)
        sign_library(bench.folder / "v1", private)
        staged = await bench.staging.stage(signed)
        assert staged.changes == ()

    bench.run(main)


def test_a_config_without_a_library_takes_it_away_and_one_with_brings_it(bench: Bench) -> None:
    async def main() -> None:
        (await bench.staging.stage(replace(bench.config(), library=None))).apply()
        assert [source for _, source in bench.rooms["a"].told] == [None]
        (await bench.staging.stage(bench.config())).apply()
        assert bench.rooms["a"].told[-1][1] is not None

    bench.run(main)


def test_a_library_is_read_once_for_all_cameras(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_tiny(bench.folder / "v2", version=2)
    opened: list[Library] = []

    def turning(*args: Any) -> Library:
        opened.append(open_library(*args))
        turn(bench.link, bench.folder / "v2")
        return opened[-1]

    monkeypatch.setattr("agent.staging.open_library", turning)
    shelf = open_shelf(bench.config())
    assert shelf is not None
    assert {library.manifest.version for library in shelf.libraries.values()} == {1}
    assert [library.path for library in opened] == [bench.folder / "v1"]


def test_what_was_opened_to_see_whether_it_can_be_used_is_what_is_begun_with(bench: Bench) -> None:
    publish_tiny(bench.folder / "v2", version=2)
    ahead = Ahead(open_shelf(bench.config()))
    turn(bench.link, bench.folder / "v2")
    staging = Staging(bench.clock, bench.trust, supervisor_settings)
    bench.run(lambda: staging.open(bench.config(), ahead))
    assert staging.shelf is not None
    assert staging.shelf.library.manifest.version == 1
    assert ahead.take() is None  # nobody else keeps it alive


def test_a_version_is_durable_before_anything_of_it_is_handed_out(bench: Bench) -> None:
    publish_tiny(bench.folder / "v2", version=2)
    first = dict(bench.trust.values)

    async def main() -> None:
        turn(bench.link, bench.folder / "v2")
        bench.trust.broken = True
        staged = await bench.staging.stage(bench.config())
        staged.apply()
        with pytest.raises(JournalError):
            await staged.commit()
        assert bench.trust.values == first
        source = bench.staging.told["a"].source
        assert source is not None
        with pytest.raises(JournalError):
            await source.load("net-0")
        bench.trust.broken = False
        assert (await source.load("net-0")).setup.subnet_id == "net-0"
        assert bench.trust.values["library:tiny"].startswith("2:")

    bench.run(main)


def test_a_start_without_a_disk_to_write_to_hands_out_nothing_new(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    publish_tiny(tmp_path / "v2", version=2)

    async def main() -> None:
        known = bench.staging.told["a"].source
        turn(bench.link, tmp_path / "v2")
        bench.trust.broken = True
        await bench.start()
        fresh = bench.staging.told["a"].source
        assert known is not None
        assert fresh is not None
        await known.load("net-0")  # version 1 is written down
        with pytest.raises(JournalError):
            await fresh.load("net-0")

    bench.run(main)


def test_a_version_is_written_down_once_and_audited_with_the_one_before(bench: Bench) -> None:
    publish_tiny(bench.folder / "v2", version=2)

    async def main() -> None:
        turn(bench.link, bench.folder / "v2")
        await bench.taken(bench.config())
        await bench.start()
        turn(bench.link, bench.folder / "v1")
        await bench.taken(bench.config(allow_older=True))
        told = [(entry.method, entry.asked, entry.before[-13:], entry.after[-13:]) for entry in bench.trust.audit]
        asked = '{"library":"tiny"}'
        assert told == [
            ("LibraryTaken", asked, "", '","version":1}'[-13:]),
            ("LibraryTaken", asked, '","version":1}'[-13:], '","version":2}'[-13:]),
            ("LibraryTakenBack", asked, '","version":2}'[-13:], '","version":1}'[-13:]),
        ]

    bench.run(main)


def test_a_reload_that_is_only_tried_leaves_no_mark(bench: Bench) -> None:
    publish_tiny(bench.folder / "v2", version=2)
    before = dict(bench.trust.values)

    async def main() -> None:
        turn(bench.link, bench.folder / "v2")
        assert (await bench.staging.stage(bench.config())).changes
        assert bench.trust.values == before

    bench.run(main)


def test_a_mark_that_is_none_is_not_taken_for_a_library_that_was_never_here(bench: Bench) -> None:
    bench.trust.values["library:tiny"] = "1:what"

    async def main() -> None:
        with pytest.raises(LibraryError, match=r"'tiny' is damaged: which version was in use is not known; "):
            await bench.staging.stage(bench.config())
        await bench.taken(bench.config(allow_older=True))
        assert bench.trust.values["library:tiny"].startswith("1:")

    bench.run(main)


def test_another_manifest_of_the_same_version_is_a_mix_up_or_a_forgery(bench: Bench) -> None:
    async def main() -> None:
        edit_manifest(bench.folder / "v1", lambda values: values.update(created=7))
        with pytest.raises(LibraryError, match=r"version 1 of library 'tiny' was in use here with another manifest"):
            await bench.staging.stage(bench.config())
        await bench.taken(bench.config(allow_older=True))
        edit_manifest(bench.folder / "v1", lambda values: values.update(created=8))
        with pytest.raises(LibraryError, match="a mix-up or a forgery"):
            await bench.staging.stage(bench.config())

    bench.run(main)
