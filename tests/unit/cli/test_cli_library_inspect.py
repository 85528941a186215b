"""`ofa-agent library inspect`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.cli import exits
from agent.cli.main import main
from tests.support.network_files import ncsdk2, openvino
from tests.support.tiny_libraries import tiny_ir


def _told(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = main(["library", "inspect", "--json", *arguments])
    out, err = capfd.readouterr()
    assert err == ""
    return code, json.loads(out)


def test_a_sound_graph_is_told_in_full(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.graph").write_bytes(ncsdk2(channels=3)[0])
    code, told = _told(capfd, str(tmp_path / "a.graph"))
    assert (code, told["format"], told["sound"]) == (exits.DONE, "ncsdk-graph-2", True)
    assert (told["version"], told["shaves"], told["stages"]) == ("2.3", 12, 5)
    assert (told["inputs"], told["outputs"], told["input_shape"]) == (192, 4, [1, 3, 8, 8])
    assert main(["library", "inspect", str(tmp_path / "a.graph")]) == exits.DONE
    lines = dict(line.split(maxsplit=1) for line in capfd.readouterr().out.splitlines() if " " in line)
    assert (lines["format"], lines["shaves"], lines["stages"], lines["inputs"]) == ("ncsdk-graph-2", "12", "5", "192")


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (ncsdk2()[0][:200], "ncsdk-graph-2", "truncated"),
        (openvino()[:-64], "openvino-blob-6", "truncated"),
        (tiny_ir()[:-5], "openvino-ir-10", "truncated or damaged"),
        (b"\x89PNG", None, "no known network format (first bytes 89504e47)"),
        (b"", None, "first bytes none"),
    ],
    ids=["graph", "blob", "ir", "image", "empty"],
)
def test_a_damaged_file_is_refused_with_its_reason(
    data: bytes, name: str | None, words: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_bytes(data)
    code, told = _told(capfd, str(file))
    assert (code, told["format"], told["sound"], told["size_bytes"]) == (exits.BAD_INPUT, name, False, len(data))
    assert words in told["problem"]
    assert main(["library", "inspect", str(file)]) == exits.BAD_INPUT
    out, err = capfd.readouterr()
    assert (out, err) == ("", f"{told['problem']}\n")


def test_a_blob_for_another_processor_is_refused_unless_asked_for(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.blob"
    file.write_bytes(openvino(hardware=True))
    code, told = _told(capfd, str(file))
    assert (code, told["sound"]) == (exits.BAD_INPUT, False)
    assert "compiled for a Myriad X" in told["problem"]
    for platform in ("myriadx", "any"):
        code, told = _told(capfd, str(file), "--platform", platform)
        assert (code, told["platform"], told["sound"]) == (exits.DONE, "myriadx", True)


def test_what_is_no_file_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, told = _told(capfd, str(tmp_path))
    assert (code, told["format"], told["size_bytes"], told["sound"]) == (exits.BAD_INPUT, None, None, False)
    assert main(["library", "inspect", "--json", str(tmp_path / "none")]) == exits.BAD_INPUT
    assert "missing" in capfd.readouterr().err
