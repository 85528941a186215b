"""Finding the vendor's SDK: absent, the wrong package, another release (facts/firefly-dl.md section 3, S17, S27)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import pytest

from agent.camera.sdk import load_spinnaker
from agent.errors import SdkError, SdkMissing, SdkVersionMismatch, SdkWrongPackage

WORKING = """
class SpinnakerException(Exception):
    pass

class _Version:
    major, minor, type, build = 4, 4, 0, 246

class _System:
    released = 0
    def GetLibraryVersion(self):
        return _Version()
    def ReleaseInstance(self):
        _System.released += 1

class System:
    @staticmethod
    def GetInstance():
        return _System()
"""
SPINNER = "def make_spin(style, words):\n    return lambda f: f\n"


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Puts modules on the path; forgets them again."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def put(name: str, source: str) -> None:
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")

    yield put
    for name in ("PySpin", "pyspin"):
        sys.modules.pop(name, None)


def version(text: str) -> Callable[[str], str]:
    return lambda _name: text


def test_the_sdk_is_returned_where_wheel_and_library_agree(packages: Callable[[str, str], None]) -> None:
    packages("PySpin", WORKING)
    sdk = load_spinnaker(version_of=version("4.4.0.246"))
    assert hasattr(sdk, "System")
    assert sdk.System.GetInstance().released == 1  # type: ignore[attr-defined]


def test_a_wheel_without_metadata_is_taken_as_it_is(packages: Callable[[str, str], None]) -> None:
    packages("PySpin", WORKING)

    def unknown(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    assert hasattr(load_spinnaker(version_of=unknown), "System")


def test_a_missing_sdk_says_where_the_wheel_comes_from() -> None:
    with pytest.raises(SdkMissing, match="Spinnaker SDK and the wheel spinnaker_python"):
        load_spinnaker()


@pytest.mark.parametrize("name", ["PySpin", "pyspin"])
def test_the_terminal_spinner_is_told_from_the_sdk(packages: Callable[[str, str], None], name: str) -> None:
    """facts/firefly-dl.md S27: the package of that name on the index."""
    packages(name, SPINNER)
    with pytest.raises(SdkWrongPackage, match="pip uninstall pyspin"):
        load_spinnaker()


def test_a_wheel_of_another_release_is_refused(packages: Callable[[str, str], None]) -> None:
    packages("PySpin", WORKING)
    with pytest.raises(SdkVersionMismatch, match=r"wheel is 4\.3\.0\.189 .* library is 4\.4\.0\.246"):
        load_spinnaker(version_of=version("4.3.0.189"))


@pytest.mark.parametrize(
    "source",
    ["raise ImportError('libSpinnaker.so.4: cannot open shared object file')", "import _PySpin_of_another_python"],
)
def test_a_native_library_that_does_not_load_is_a_mismatch(packages: Callable[[str, str], None], source: str) -> None:
    packages("PySpin", source)
    with pytest.raises(SdkVersionMismatch, match="native library does not load"):
        load_spinnaker()


def test_a_library_that_does_not_start_is_a_mismatch(packages: Callable[[str, str], None]) -> None:
    broken = WORKING.replace("return _System()", "raise SpinnakerException('System instance cannot be acquired.')")
    packages("PySpin", broken)
    with pytest.raises(SdkVersionMismatch, match="System instance cannot be acquired"):
        load_spinnaker(version_of=version("4.4.0.246"))


def test_the_three_errors_are_import_errors_with_reasons_of_their_own() -> None:
    leaves = (SdkMissing, SdkWrongPackage, SdkVersionMismatch)
    assert all(issubclass(leaf, ImportError) and issubclass(leaf, SdkError) for leaf in leaves)
    assert len({leaf.reason for leaf in leaves}) == len(leaves)
