"""`ofa-agent library keygen`, `sign`, `diff`, and what `check` makes of signatures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.cli import exits
from agent.cli.main import main
from agent.library import generate_key, open_library, verify_library
from tests.support.tiny_libraries import publish_tiny


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return publish_tiny(tmp_path / "library")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    generate_key(tmp_path / "station.key", tmp_path / "station.pub")
    return tmp_path / "station.key"


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        return code, *capfd.readouterr()

    return call


def test_a_key_pair_is_made_once(tmp_path: Path, run: Run) -> None:
    private, public = tmp_path / "line.key", tmp_path / "line.pub"
    code, out, err = run("library", "keygen", private, "--json")
    told = json.loads(out)
    assert (code, err, told["private"], told["public"]) == (exits.DONE, "", str(private), str(public))
    assert private.stat().st_mode & 0o777 == 0o600
    assert len(told["fingerprint"]) == 64
    before = private.read_bytes(), public.read_bytes()
    code, out, err = run("library", "keygen", private)
    assert (code, out, err) == (exits.BAD_INPUT, "", f"FILE: {public} exists; a key is never overwritten\n")
    assert (private.read_bytes(), public.read_bytes()) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["a.pub"], "private and public key at once"), (["none/a.key"], "cannot be written")],
)
def test_keys_that_cannot_be_written_are_bad_input(
    arguments: list[str], words: str, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run("library", "keygen", *arguments)
    assert (code, words in err) == (exits.BAD_INPUT, True)
    assert list(tmp_path.iterdir()) == []


def test_a_library_is_signed_and_the_same_again_gives_the_same_bytes(library: Path, key: Path, run: Run) -> None:
    code, out, err = run("library", "sign", library, "--key", key)
    digest = open_library(library).digest
    assert (code, err) == (exits.DONE, "")
    assert out.startswith(f"signed: {library}: manifest {digest}, key ")
    signature = (library / "manifest.json.sig").read_bytes()
    assert len(signature) == 64
    code, out, _ = run("library", "sign", library, "--key", key, "--json")
    assert json.loads(out)["digest"] == digest
    assert (library / "manifest.json.sig").read_bytes() == signature
    assert verify_library(library, [key.with_suffix(".pub")]).ok
    assert "trusted signature" in run("library", "verify", library, "--trusted-key", key.with_suffix(".pub"))[1]
    assert "signature not checked" in run("library", "verify", library)[1]


def test_a_damaged_library_is_not_signed(library: Path, key: Path, run: Run) -> None:
    blob = next((library / "blobs").iterdir())
    blob.write_bytes(blob.read_bytes()[:-1] + b"x")
    code, out, err = run("library", "sign", library, "--key", key)
    assert (code, out, "not signed; ofa-agent library verify" in err) == (exits.BAD_INPUT, "", True)
    assert not (library / "manifest.json.sig").exists()


def test_a_key_that_is_none_and_one_that_others_can_read_are_named(library: Path, key: Path, run: Run) -> None:
    for wrong in (key.with_suffix(".pub"), key.parent / "none", library / "manifest.json"):
        code, out, err = run("library", "sign", library, "--key", wrong)
        assert (code, out, err.count("\n")) == (exits.BAD_INPUT, "", 1)
        assert f"{wrong}: not a usable private key" in err
    key.chmod(0o644)
    assert "can be read by others; chmod 600" in run("library", "sign", library, "--key", key)[2]


def _config(folder: Path, library: Path, *keys: Path) -> Path:
    file = folder / "agent.yaml"
    trusted = ", ".join(map(str, keys))
    file.write_text(
        f"version: 1\nstate_dir: {folder}/state\napi: {{unix_socket: {folder}/a.sock}}\n"
        f"library: {{path: {library}, trusted_keys: [{trusted}]}}\n"
        "cameras: [{name: a, sdk: simulated, simulation: {}}]\n"
    )
    return file


def test_check_refuses_a_library_that_no_trusted_key_signed(tmp_path: Path, library: Path, key: Path, run: Run) -> None:
    public = key.with_suffix(".pub")
    config = _config(tmp_path, library, public)
    code, _, err = run("check", "--config", config)
    assert (code, "manifest.json.sig: missing, but trusted keys are configured" in err) == (exits.BAD_INPUT, True)
    generate_key(tmp_path / "other.key", tmp_path / "other.pub")
    run("library", "sign", library, "--key", tmp_path / "other.key")
    code, out, _ = run("check", "--config", config, "--json")
    told: dict[str, Any] = json.loads(out)
    assert (code, told["ok"]) == (exits.BAD_INPUT, False)
    assert told["problems"] == [f"{library}/manifest.json.sig: not signed by any of 1 trusted keys"]
    run("library", "sign", library, "--key", key)
    code, out, _ = run("check", "--config", config)
    assert (code, f"{library}: signature, 2 blob(s), 2 golden image(s)" in out) == (exits.DONE, True)


@pytest.mark.parametrize("damage", ["missing", "rubbish"])
def test_check_names_a_trusted_key_that_is_none(
    damage: str, tmp_path: Path, library: Path, key: Path, run: Run
) -> None:
    run("library", "sign", library, "--key", key)
    if damage == "rubbish":
        (tmp_path / "bad.pub").write_text("rubbish")
    code, _, err = run("check", "--config", _config(tmp_path, library, tmp_path / "bad.pub"))
    assert (code, "bad.pub: not a usable public key" in err) == (exits.BAD_INPUT, True)


def test_equal_libraries_have_no_difference(library: Path, tmp_path: Path, run: Run) -> None:
    other = publish_tiny(tmp_path / "other")
    assert run("library", "diff", library, other) == (exits.DONE, "no difference\n", "")
    told = json.loads(run("library", "diff", library, other, "--json")[1])
    assert (told["equal"], told["library"], told["added"], told["removed"], told["changed"]) == (True, [], [], [], [])


def test_a_difference_names_rungs_and_keys(library: Path, tmp_path: Path, run: Run) -> None:
    def change(values: dict[str, Any]) -> None:
        first, second = values["subnets"]
        first["accuracy"]["top1"] = 0.55
        first["latency"]["predicted_ms"] = 11.5
        first["golden"] = []
        second["id"] = "net-x"

    from tests.support.tiny_libraries import edit_manifest

    other = publish_tiny(tmp_path / "other", version=2)
    edit_manifest(other, change)
    code, out, err = run("library", "diff", library, other)
    assert (code, err) == (exits.DONE, "")
    lines = out.splitlines()
    golden = open_library(library).manifest.subnets[0].golden[0].image.removeprefix("golden/")
    assert lines == [
        "version: 1 -> 2",
        "- net-1: 60.0 %, 20.0 ms, 2 kB",
        "+ net-x: 60.0 %, 20.0 ms, 2 kB",
        "~ net-0: accuracy.top1: 0.5 -> 0.55",
        f"~ net-0: golden.{golden}.class_id: 1 -> none",
        f"~ net-0: golden.{golden}.confidence: 0.9 -> none",
        f"~ net-0: golden.{golden}.tolerance: 0.05 -> none",
        "~ net-0: latency.predicted_ms: 10.0 -> 11.5",
    ]
    told = json.loads(run("library", "diff", library, other, "--json")[1])
    assert told["equal"] is False
    assert told["library"] == [{"key": "version", "old": 1, "new": 2}]
    assert [row["id"] for row in told["added"]] == ["net-x"]
    assert told["changed"][0]["id"] == "net-0"


def test_the_input_of_a_rung_counts_however_it_is_written(library: Path, tmp_path: Path, run: Run) -> None:
    """A rung that repeats the library's input is the same; one that gets another input from the library is not."""
    from tests.support.tiny_libraries import edit_manifest

    other = publish_tiny(tmp_path / "other")
    edit_manifest(other, lambda values: values["subnets"][0].update(input=values["input"]))
    assert json.loads(run("library", "diff", library, other, "--json")[1])["changed"] == []
    edit_manifest(other, lambda values: values["input"].update(mean=[9.0]))
    lines = run("library", "diff", library, other)[1].splitlines()
    assert lines == ["input.mean[0]: 127.0 -> 9.0", "~ net-1: input.mean[0]: 127.0 -> 9.0"]


@pytest.mark.parametrize("which", [0, 1])
def test_a_library_that_cannot_be_read_has_no_difference(which: int, library: Path, tmp_path: Path, run: Run) -> None:
    pair = [library, library]
    pair[which] = tmp_path / "none"
    code, out, err = run("library", "diff", *pair)
    assert (code, out, "no library here" in err) == (exits.BAD_INPUT, "", True)
