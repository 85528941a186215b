"""The manifest is read strictly and written deterministically."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.errors import ManifestInvalid
from agent.library.manifest import MAX_MANIFEST_BYTES, decode_manifest, encode_manifest
from tests.support.tiny_libraries import decoded, tiny_manifest


def _refusal(values: dict[str, Any]) -> str:
    with pytest.raises(ManifestInvalid) as caught:
        decode_manifest(json.dumps(values).encode(), "lib/manifest.json")
    text = str(caught.value)
    assert "\n" not in text
    return text


def _changed(path: str, value: object) -> dict[str, Any]:
    """A sound manifest with the value at a dotted path replaced."""
    values, _ = tiny_manifest()
    *parents, last = path.split(".")
    place: Any = values
    for key in parents:
        place = place[int(key)] if key.isdigit() else place[key]
    place[int(last) if last.isdigit() else last] = value
    return values


def test_a_sound_manifest_survives_a_round_trip() -> None:
    values, _ = tiny_manifest()
    manifest = decoded(values)
    assert decode_manifest(encode_manifest(manifest)) == manifest


def test_key_order_of_the_source_does_not_change_the_written_bytes() -> None:
    values, _ = tiny_manifest()
    assert encode_manifest(decoded(values)) == encode_manifest(decoded(dict(reversed(list(values.items())))))


def test_the_catalogue_has_the_manifests_values() -> None:
    values, _ = tiny_manifest()
    catalogue = decoded(values).to_catalogue("d" * 64)
    subnet = catalogue.get("net-1")
    assert subnet is not None
    assert (catalogue.version, catalogue.digest, catalogue.task) == (1, "d" * 64, "classification")
    assert (subnet.predicted_ms, subnet.accuracy.top1, subnet.input.width) == (20.0, 0.6, 32)
    assert subnet.arch is not None
    assert subnet.arch.ks == (3, 0)
    assert subnet.artifacts[0].format == "openvino-ir-10"
    assert subnet.goldens[0].class_id == 1


def test_a_sub_nets_own_input_beats_the_librarys() -> None:
    values, _ = tiny_manifest()
    values["subnets"][1]["input"] = values["input"] | {"width": 48, "height": 48}
    first, second = decoded(values).to_catalogue("").subnets
    assert (first.input.width, second.input.width) == (32, 48)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_not_finite_are_refused(text: str) -> None:
    values, _ = tiny_manifest()
    raw = json.dumps(values).replace('"predicted_ms": 10.0', f'"predicted_ms": {text}')
    assert text in raw
    with pytest.raises(ManifestInvalid, match=r"^m\.json: "):
        decode_manifest(raw.encode(), "m.json")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("subnets.0.params", -1),
        ("subnets.0.macs_dense", -5),
        ("subnets.0.latency.predicted_ms", 0.0),
        ("subnets.0.latency.predicted_ms", -3.0),
        ("subnets.0.latency.preprocessing_ms", 11.0),
        ("subnets.0.accuracy.top1", 1.5),
        ("subnets.0.accuracy.ci95_high", 0.1),
        ("subnets.0.accuracy.n", 0),
        ("subnets.0.golden.0.tolerance", 0.0),
        ("subnets.0.golden.0.class_id", 4),
        ("subnets.0.artifacts.0.shaves", 17),
        ("subnets.0.artifacts.0.size_bytes", 10**12),
        ("subnets.0.artifacts.0.format", "elf"),
        ("subnets.0.artifacts", []),
        ("subnets.1.id", "net-0"),
        ("subnets", []),
        ("input.scale", [0.0]),
        ("input.mean", [1.0, 2.0]),
        ("input.channels", 3),
        ("input.pixel_format", "YUV422"),
        ("task.labels", ["only"]),
        ("task.type", "segmentation"),
        ("version", 0),
        ("version", 1.5),
        ("created", -1),
        ("schema", "ofa-agent.library/2"),
        ("name", ""),
    ],
)
def test_values_out_of_range_are_refused_with_their_key(path: str, value: object) -> None:
    text = _refusal(_changed(path, value))
    whole = "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in path.split(".")).lstrip(".")
    place = text.removeprefix("lib/manifest.json: ").split(": ")[0].replace("[...]", "[0]")
    assert whole.startswith(place) or place.startswith(whole)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("subnets.0.id", "../etc"),
        ("subnets.0.id", "a/b"),
        ("subnets.0.id", ".hidden"),
        ("subnets.0.id", "two words"),
        ("subnets.0.id", "x\n"),
        ("subnets.0.id", "x" * 65),
        ("subnets.0.artifacts.0.file", "../../etc/passwd"),
        ("subnets.0.artifacts.0.file", "/etc/passwd"),
        ("subnets.0.artifacts.0.file", "blobs/../manifest.json"),
        ("subnets.0.artifacts.0.file", "blobs/" + "0" * 64 + ".exe"),
        ("subnets.0.artifacts.0.file", "blobs/" + "0" * 64 + ".ovir"),
        ("subnets.0.artifacts.0.sha256", "0" * 63),
        ("subnets.0.artifacts.0.sha256", "G" * 64),
        ("subnets.0.golden.0.image", "golden/../../x.png"),
        ("subnets.0.golden.0.image", "golden/" + "A" * 64 + ".png"),
        ("supernet.sha256", "abc"),
    ],
)
def test_names_that_could_leave_the_folder_or_differ_from_their_digest_are_refused(path: str, value: str) -> None:
    assert path.rsplit(".", maxsplit=1)[-1] in _refusal(_changed(path, value))


@pytest.mark.parametrize("place", ["", "subnets.0", "subnets.0.accuracy", "input", "task"])
def test_unknown_keys_are_refused(place: str) -> None:
    values, _ = tiny_manifest()
    target: Any = values
    for key in filter(None, place.split(".")):
        target = target[int(key)] if key.isdigit() else target[key]
    target["surprise"] = 1
    assert "unknown field surprise" in _refusal(values)


def test_a_missing_key_is_named() -> None:
    values, _ = tiny_manifest()
    del values["subnets"][0]["accuracy"]["n"]
    assert _refusal(values).startswith("lib/manifest.json: subnets[0].accuracy: ")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe", b'"text"', b"[" * 100_000])
def test_what_is_no_json_object_is_refused(data: bytes) -> None:
    with pytest.raises(ManifestInvalid, match=r"m\.json: -: "):
        decode_manifest(data, "m.json")


def test_a_manifest_beyond_the_size_limit_is_not_parsed() -> None:
    with pytest.raises(ManifestInvalid, match="at most"):
        decode_manifest(b" " * (MAX_MANIFEST_BYTES + 1))


def test_a_manifest_of_more_values_than_any_library_has_is_not_parsed() -> None:
    with pytest.raises(ManifestInvalid, match="more than 2097152 values"):
        decode_manifest(b"[" + b"0," * 2**21 + b"0,0]")


def test_a_library_may_have_ten_thousand_sub_nets_and_not_one_more() -> None:
    values, _ = tiny_manifest(1)
    values["subnets"] = [values["subnets"][0] | {"id": f"net-{number}"} for number in range(10_001)]
    assert _refusal(values).startswith("lib/manifest.json: subnets: ")
    del values["subnets"][0]
    catalogue = decoded(values).to_catalogue("d" * 64)
    assert len(catalogue.subnets) == 10_000
    assert len({id(subnet.input) for subnet in catalogue.subnets}) == 1  # equal ones are not kept ten thousand times


@pytest.mark.parametrize("text", ["a\nb", "\x1b[2J", "ok\x7f", "\x9b31m", "ok\u202eko", "\u2066ok", "a\u2028b", ""])
def test_a_text_that_would_show_something_else_than_it_is_is_refused(text: str) -> None:
    values, _ = tiny_manifest()
    values["task"]["labels"][0] = text
    with pytest.raises(ManifestInvalid, match="labels"):
        decoded(values)


@pytest.mark.parametrize("text", ["Kratzer, groß", "傷", "é", "a b-c_d/e", "\u200d"])
def test_a_text_may_be_of_any_script(text: str) -> None:
    values, _ = tiny_manifest()
    values["task"]["labels"][0] = text
    assert decoded(values).task.labels[0] == text
