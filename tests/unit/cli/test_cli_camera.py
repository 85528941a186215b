"""`ofa-agent camera`: lists, profiles and their differences, the report of commissioning, and who owns a camera."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agent.app import state_lock
from agent.camera.commission import CHECKS
from agent.cli.camera_persist import library_of
from agent.cli.main import main
from agent.clock import SystemClock
from agent.config import load_config
from agent.domain.reference import Reference
from agent.sim import bus, pyspin
from agent.sim.spec import SimulationSpec
from tests.support.tiny_libraries import publish_tiny

SIMULATED = ("--sdk", "simulated")
QUICK = ("nodes", "enum_numbers", "buffer", "file_locked", "upload_times")


def dump(path: Path, firmware: str = "1905.4.103", serial: str = "1001") -> str:
    spec = json.dumps({"firmware": firmware, "serial": serial})
    assert main(["camera", "dump", *SIMULATED, "--spec", spec, "--out", str(path)]) == 0
    return str(path)


def test_a_list_names_serial_model_and_speed(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["camera", "list", *SIMULATED, "--json", "--spec", '{"serial": "1001"}']) == 0
    (found,) = json.loads(capfd.readouterr().out)["cameras"]
    assert (found["serial"], found["speed"]) == ("1001", "SuperSpeed")
    assert "Firefly" in found["model"]
    assert main(["camera", "list", *SIMULATED]) == 0
    assert "20000001" in capfd.readouterr().out


def test_a_dump_holds_every_node_of_the_three_maps(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    profile = json.loads(Path(dump(tmp_path / "a.json")).read_text())
    assert profile["identity"] == {
        "serial": "1001", "model": profile["identity"]["model"], "firmware": "1905.4.103", "sdk_version": "4.4.0.246",
    }  # fmt: skip
    assert profile["nodes"]["FileAccessBuffer"]["length"] == 65536
    assert "InferenceNetwork" in profile["nodes"]["FileSelector"]["entries"]
    assert "DeviceSerialNumber" in profile["tl_device"]
    assert "StreamBufferHandlingMode" in profile["tl_stream"]
    assert "firmware 1905.4.103" in capfd.readouterr().out


def test_equal_cameras_end_with_zero_and_different_ones_with_one(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    one, same, old = (
        dump(tmp_path / n, f, n) for n, f in (("a", "1905.4.103"), ("b", "1905.4.103"), ("c", "1905.4.83"))
    )
    capfd.readouterr()
    assert main(["camera", "diff", one, same]) == 0
    assert "nodes: the same" in capfd.readouterr().out
    assert main(["camera", "diff", one, old]) == 1
    text = capfd.readouterr().out
    assert "InferenceNetworkStatus: only in the first" in text or "InferenceNetworkStatus.access: RO against NI" in text
    assert main(["camera", "diff", "--json", one, old]) == 1
    told = json.loads(capfd.readouterr().out)
    assert told["same"] is False
    assert any(one["node"] == "FileSelector" for one in told["differences"]["nodes"]), "other numbers, other firmware"


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read"), ("{", "is not JSON"), ("[]", "is no camera profile"), ('{"format": 1}', "is no camera")],
)
def test_what_is_no_profile_is_bad_input(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], content: str | None, words: str
) -> None:
    path = tmp_path / "x.json"
    if content is not None:
        path.write_text(content)
    assert main(["camera", "diff", str(path), str(path)]) == 2
    err = capfd.readouterr().err
    assert words in err
    assert err.count("\n") == 1


def test_a_profile_with_a_broken_part_is_bad_input(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = Path(dump(tmp_path / "a.json"))
    path.write_text(json.dumps({**json.loads(path.read_text()), "tl_stream": {"X": 3}}))
    assert main(["camera", "diff", str(path), str(path)]) == 2
    assert "tl_stream is not a mapping of nodes" in capfd.readouterr().err


def test_without_the_vendor_sdk_the_command_says_where_to_get_it(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["camera", "list"]) == 1
    assert "install the Spinnaker SDK" in capfd.readouterr().err


@pytest.mark.parametrize("option", [("--socket", "x.sock"), ("--spec", "{}")])
def test_options_of_the_simulation_are_refused_with_the_real_sdk(
    capfd: pytest.CaptureFixture[str], option: tuple[str, str]
) -> None:
    assert main(["camera", "list", *option]) == 2
    assert "belongs to --sdk simulated" in capfd.readouterr().err


def test_a_camera_that_somebody_owns_is_busy_and_says_who_probably_has_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with bus.local_camera(SimulationSpec(serial="1001"), SystemClock()) as device:
        epoch = device.attach()
        monkeypatch.setattr("agent.cli.camera_access._sdk", _on_the_bus)
        assert main(["camera", "dump", *SIMULATED, "--serial", "1001", "--out", str(tmp_path / "a")]) == 1
        device.detach(epoch)
    err = capfd.readouterr().err
    assert "a running ofa-agent owns its cameras: stop it first" in err
    assert not (tmp_path / "a").exists()


def _on_the_bus(*_: object) -> object:
    from contextlib import nullcontext

    return nullcontext(pyspin)


def test_a_place_that_cannot_be_written_is_bad_input(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    out = str(tmp_path / "file" / "a.json")
    assert main(["camera", "dump", *SIMULATED, "--out", out]) == 2
    assert main(["camera", "commission", *SIMULATED, "--out", out]) == 2
    assert capfd.readouterr().err.count("\n") == 2


def few_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = tuple(check for check in CHECKS if check.id in QUICK)
    for place in ("agent.camera.commission.run.CHECKS", "agent.camera.commission.CHECKS"):
        monkeypatch.setattr(place, chosen)


def test_commissioning_writes_profile_and_findings_and_prints_what_differs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few_checks(monkeypatch)
    spec = '{"firmware": "1905.4.83", "serial": "77"}'
    assert main(["camera", "commission", *SIMULATED, "--spec", spec, "--out", str(tmp_path / "out")]) == 0
    out, err = capfd.readouterr()
    assert "warning: firmware 1905.4.83 is older than 1905.4.103" in err
    for number, name in enumerate(QUICK, start=1):
        assert f"[{number}/{len(QUICK)}] {next(check.question for check in CHECKS if check.id == name)}" in out
    assert "skipped: no network was given: use --config with a library" in out
    assert "compared with the simulated camera of firmware 1905.4.83" in out
    assert "nodes: the same" in out
    report = json.loads((tmp_path / "out" / "commission.json").read_text())
    assert report["format"] == "ofa-agent.commission/1"
    assert [one["id"] for one in report["checks"]] == list(QUICK)
    assert report["identity"]["serial"] == "77"
    profile = json.loads((tmp_path / "out" / "profile.json").read_text())
    assert profile["identity"] == report["identity"]


def test_without_the_simulation_the_comparison_is_said_to_be_missing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few_checks(monkeypatch)
    monkeypatch.setattr("agent.cli.camera_commission.find_spec", lambda _name: None)
    assert main(["camera", "commission", *SIMULATED, "--json", "--out", str(tmp_path)]) == 0
    told = json.loads(capfd.readouterr().out)
    assert told["reference"] is None
    assert "is not installed" in told["reference_note"]


def config(folder: Path, library: Path | None) -> str:
    place = "" if library is None else f"library: {{path: {library}}}\n"
    camera = "{name: a, sdk: simulated, acquisition: {exposure_us: 5000}, simulation: {time_scale: 9}}"
    text = f"version: 1\nstate_dir: {folder}/s\napi: {{unix_socket: {folder}/a.sock}}\n{place}cameras: [{camera}]\n"
    (folder / "agent.yaml").write_text(text)
    return str(folder / "agent.yaml")


def test_a_sub_net_is_persisted_to_flash_and_verified(
    tmp_path: Path, ladder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    manifest = json.loads((ladder / "manifest.json").read_text())
    subnet = manifest["subnets"][0]
    path = config(tmp_path, ladder)
    assert main(["camera", "persist", subnet["id"], "--json", "--config", path]) == 0
    out, err = capfd.readouterr()
    told = json.loads(out)
    assert (told["subnet"], told["size_bytes"]) == (subnet["id"], subnet["artifacts"][0]["size_bytes"])
    assert told["golden_images"] == len(subnet["golden"]) > 0
    assert "100 % written" in err
    assert main(["camera", "persist", "nobody", "--config", path]) == 2
    assert "'nobody' is not in library" in capfd.readouterr().err


def test_what_a_camera_answers_is_recorded_in_the_journal_and_in_the_audit(
    tmp_path: Path, ladder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    subnet = json.loads((ladder / "manifest.json").read_text())["subnets"][0]
    order = ["camera", "reference", subnet["id"], "--json", "--config", config(tmp_path, ladder)]
    assert main(order) == 0
    (first,) = json.loads(capfd.readouterr().out)
    expected = [(golden["class_id"], golden["confidence"]) for golden in subnet["golden"]]
    assert [kind for kind, _ in first["answers"]] == [kind for kind, _ in expected]
    for (_, answered), (_, confidence) in zip(first["answers"], expected, strict=True):
        assert answered == pytest.approx(confidence, abs=0.05)
    assert main(order) == 0
    (second,) = json.loads(capfd.readouterr().out)
    assert second == first
    with closing(sqlite3.connect(tmp_path / "s" / "journal.sqlite3")) as db:
        ((value,),) = db.execute("SELECT value FROM trust WHERE name LIKE 'reference:%'").fetchall()
        audit = db.execute("SELECT before, after FROM audit WHERE method = 'ReferenceRecorded'").fetchall()
    kept = Reference.parse(value)
    assert kept is not None
    assert (kept.network_sha256, kept.sha256) == (subnet["artifacts"][0]["sha256"], first["record_sha256"])
    record = json.dumps({"record_sha256": kept.sha256}, separators=(",", ":"))
    assert audit == [("", record), (record, record)]


def test_a_record_is_not_made_beside_a_running_agent(
    tmp_path: Path, ladder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = config(tmp_path, ladder)
    with state_lock(tmp_path / "s"):
        assert main(["camera", "reference", "--config", path]) != 0
    assert "another ofa-agent uses it; stop that one first" in capfd.readouterr().err


@pytest.mark.parametrize("command", [["persist", "net-0"], ["reference"], ["commission", "--yes", "--out", "out"]])
def test_an_older_library_is_neither_persisted_nor_commissioned(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = config(tmp_path, publish_tiny(tmp_path / "library", version=2))

    async def in_use() -> None:
        async with library_of(load_config(Path(path)), SystemClock()):
            pass

    asyncio.run(in_use())
    publish_tiny(tmp_path / "older")
    config(tmp_path, tmp_path / "older")
    assert main(["camera", *command, "--config", path]) != 0
    assert "version 1 of library 'tiny' is older than 2, which was in use here" in capfd.readouterr().err


def test_persist_needs_a_library_and_a_camera_that_the_config_has(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = config(tmp_path, None)
    assert main(["camera", "persist", "x", "--config", path]) == 2
    assert "names no library" in capfd.readouterr().err
    assert main(["camera", "persist", "x", "--camera", "b", "--config", path]) == 2
    assert "'b' is not in the config; it has a" in capfd.readouterr().err


def test_commissioning_from_a_config_takes_its_network_from_the_library(
    tmp_path: Path, ladder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few_checks(monkeypatch)
    path = config(tmp_path, ladder)
    arguments = ["camera", "commission", "--yes", "--json", "--config", path, "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    told = json.loads(capfd.readouterr().out)
    times = next(one for one in told["checks"] if one["id"] == "upload_times")
    assert times["verdict"] == "measured"
    assert times["data"]["upload_s"] > 0
    assert main([*arguments, "--serial", "1"]) == 2
