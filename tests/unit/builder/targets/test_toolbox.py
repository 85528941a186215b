"""The Myriad compiler's files: fetched with pip from a folder of made-up wheels, checked, put in place whole."""

from __future__ import annotations

import hashlib
import platform
import shutil
import zipfile
from pathlib import Path

import pytest

from agent.builder.targets import toolbox
from agent.builder.targets.errors import ToolsMissing
from agent.builder.targets.toolbox import Wheel, check_toolbox, fetch_toolbox, toolbox_folder

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="the compiler runs on x86-64 only")


def _silent(_line: str) -> None:
    pass


def _wheel(folder: Path, project: str, members: dict[str, bytes], wanted: dict[str, str]) -> Wheel:
    """A wheel that pip takes, and how it would be pinned."""
    name = f"{project.replace('-', '_')}-1.0"
    info = f"{name}.dist-info"
    path = folder / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {project}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    data = path.read_bytes()
    return Wheel(project, "1.0", hashlib.sha256(data).hexdigest(), len(data), (), tuple(wanted.items()))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty tools folder; pip's index is a folder with two wheels that stand for the real ones."""
    index = tmp_path / "index"
    index.mkdir()
    evil = {"big/libone.so": b"one", "../../escaped.so": b"evil", "/etc/escaped.so": b"evil"}
    wheels = (
        _wheel(index, "stand-in-compiler", evil, {"libone.so": "big/libone.so"}),
        _wheel(index, "stand-in-usb", {"usb/lib.so": b"usb"}, {"libusb-1.0.so.0": "usb/lib.so"}),
    )
    monkeypatch.setattr(toolbox, "WHEELS", wheels)
    whole = tmp_path / "whole"
    whole.mkdir()
    for name, content in (("libone.so", b"one"), ("libusb-1.0.so.0", b"usb"), ("plugins.xml", toolbox._PLUGINS)):
        (whole / name).write_bytes(content)
    monkeypatch.setattr(toolbox, "_TREE_SHA256", toolbox._digest(whole))
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    return tmp_path / "tools"


def _ready(root: Path) -> Path:
    """The folder as an earlier fetch left it."""
    return shutil.copytree(root.parent / "whole", toolbox_folder(root))


def test_only_the_wanted_members_are_kept_whatever_the_archive_calls_them(root: Path) -> None:
    folder, told = toolbox_folder(root), list[str]()
    with pytest.raises(ToolsMissing, match="fetch it once with: ofa-agent library compile --setup"):
        check_toolbox(folder)
    fetch_toolbox(folder, told.append)
    check_toolbox(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["libone.so", "libusb-1.0.so.0", "plugins.xml"]
    assert [path.name for path in root.iterdir()] == [folder.name]
    assert not list(root.parent.rglob("escaped.so"))
    assert told[0].startswith("fetching stand-in-compiler 1.0")
    assert told[-1] == f"Myriad compiler is in {folder}"


def test_what_is_whole_is_not_fetched_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _ready(root)
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    told: list[str] = []
    fetch_toolbox(folder, told.append)
    assert told == []


def test_a_damaged_file_is_noticed_and_replaced(root: Path) -> None:
    folder = _ready(root)
    check_toolbox(folder)
    (folder / "libone.so").write_bytes(b"0ne")
    with pytest.raises(ToolsMissing, match="is damaged; fetch it again"):
        check_toolbox(folder)
    fetch_toolbox(folder, _silent)
    check_toolbox(folder)
    assert [path.name for path in root.iterdir()] == [folder.name]


def test_a_missing_file_is_noticed(root: Path) -> None:
    folder = _ready(root)
    (folder / "libusb-1.0.so.0").unlink()
    with pytest.raises(ToolsMissing, match="damaged"):
        check_toolbox(folder)


def test_another_file_under_the_pinned_name_is_refused_and_leaves_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _wheel(root.parent / "index", "stand-in-usb", {"usb/lib.so": b"other"}, {})
    folder = toolbox_folder(root)
    with pytest.raises(ToolsMissing, match=r"stand-in-usb==1.0: sha256 [0-9a-f]{64}, expected [0-9a-f]{64}"):
        fetch_toolbox(folder, _silent)
    assert list(root.iterdir()) == []


def test_without_an_index_the_message_says_how_to_bring_the_files(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(root.parent / "nowhere"))
    folder = toolbox_folder(root)
    with pytest.raises(ToolsMissing, match=r"stand-in-compiler==1\.0: pip could not fetch it") as caught:
        fetch_toolbox(folder, _silent)
    assert f"copy {folder} from a machine" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(root.iterdir()) == []


def test_where_another_process_was_faster_its_files_stay(root: Path) -> None:
    folder = toolbox_folder(root)

    def faster(line: str) -> None:
        if "stand-in-usb" in line:
            (root.parent / "whole").rename(folder)

    fetch_toolbox(folder, faster)
    check_toolbox(folder)
    assert [path.name for path in root.iterdir()] == [folder.name]


def test_a_place_that_cannot_be_written_is_named(root: Path) -> None:
    root.write_text("a file")
    with pytest.raises(ToolsMissing, match="cannot be written"):
        fetch_toolbox(toolbox_folder(root), _silent)


def test_another_machine_is_told_so(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    for use in (check_toolbox, lambda folder: fetch_toolbox(folder, _silent)):
        with pytest.raises(ToolsMissing, match="Linux on x86-64 only, this is linux on aarch64"):
            use(toolbox_folder(root))


def test_the_folder_is_the_option_the_variable_or_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(toolbox.TOOLS_VARIABLE, raising=False)
    assert toolbox_folder() == tmp_path / "cache" / "ofa-agent" / "myriad" / toolbox.GENERATION
    monkeypatch.setenv(toolbox.TOOLS_VARIABLE, str(tmp_path / "variable"))
    assert toolbox_folder() == tmp_path / "variable" / toolbox.GENERATION
    assert toolbox_folder(tmp_path / "option") == tmp_path / "option" / toolbox.GENERATION
