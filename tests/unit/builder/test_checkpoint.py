"""Checkpoints are read as data: what torch wrote, exactly; anything else is refused by name and runs nothing."""

from __future__ import annotations

import contextlib
import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from agent.builder.errors import SupernetInvalid, UnsafeCheckpoint
from agent.builder.pickle_stream import MAX_DEPTH, MAX_OPCODES, MAX_STREAM_BYTES, read_pickle
from agent.builder.pth import is_checkpoint, read_checkpoint
from agent.builder.weight_files import read_weights
from tests.support.checkpoints import Call, Name, Persistent, Raw, encode, pickled, rowed, tensor, zipped

FOLDER = Path(__file__).with_name("checkpoints")
MIB = 1 << 20


def _written_by_torch() -> dict[str, NDArray[np.float32]]:
    """The state dict of `zip.pth` and `legacy.pth` (torch 2.13), value by value."""
    base = np.arange(24, dtype=np.float32).reshape(4, 6) / 4
    wanted = {
        "plain.weight": base,
        "transposed.weight": base.T,
        "slice.weight": base[1:3, 2:5],
        "shared.row": base[3],
        "half": np.arange(5) / 4,
        "bfloat": np.array([1.5, -2.25, 3.00405527047391e38]),
        "double": np.array([1 / 3]),
        "scalar": np.array(7),
        "empty": np.zeros((0, 3)),
        "expanded": np.full(3, 2.0),
        "param": np.ones(2),
    }
    for name in ("int64", "int32", "int16", "int8", "uint8", "bool"):
        wanted[f"torch.{name}"] = np.array([0, 1, 1])
    return {key: np.asarray(value, np.float32) for key, value in wanted.items()}


@pytest.mark.parametrize("name", ["zip", "legacy"])
def test_what_torch_wrote_is_read_exactly(name: str) -> None:
    data = (FOLDER / f"{name}.pth").read_bytes()
    weights = read_checkpoint(data, name).weights
    wanted = _written_by_torch()
    assert is_checkpoint(data)
    assert set(weights) == set(wanted)
    for key, value in wanted.items():
        assert weights[key].dtype == np.dtype(np.float32)
        assert weights[key].flags.c_contiguous
        np.testing.assert_allclose(weights[key], value, rtol=0, err_msg=key)


def test_a_whole_model_is_refused_and_what_to_do_is_said() -> None:
    data = (FOLDER / "whole.pth").read_bytes()
    with pytest.raises(UnsafeCheckpoint, match=r"torch\.nn\.modules\.container\.Sequential: .* save the state_dict"):
        read_checkpoint(data, "whole.pth")


def _system(marker: Path) -> Call:
    return Call(Name("os", "system"), f"touch {marker}")


MALICIOUS: dict[str, Callable[[Path], bytes]] = {
    "call": lambda marker: encode(_system(marker)),
    "call in a state dict": lambda marker: encode({"weight": _system(marker)}),
    "call in an ordered dict": lambda marker: encode(
        Call(Name("collections", "OrderedDict"), [["w", _system(marker)]])
    ),
    "eval": lambda marker: encode(Call(Name("builtins", "eval"), f"open({str(marker)!r}, 'w')")),
    "name from the stack": lambda marker: (
        encode("os") + encode("system") + b"\x93" + encode((f"touch {marker}",)) + b"R"
    ),
    "old-style instance": lambda marker: b"(" + encode(f"touch {marker}") + b"ios\nsystem\n",
    "old-style object": lambda marker: b"(cos\nsystem\n" + encode(f"touch {marker}") + b"o",
    "new object": lambda marker: b"csubprocess\nPopen\n" + encode((f"touch {marker}",)) + b"\x81",
    "extension": lambda _marker: b"\x82\x01" + encode(()) + b"R",
    "state of an allowed class": lambda _marker: b"ctorch._utils\n_rebuild_tensor_v2\n" + encode({"make": 1}) + b"b",
    "a name within an allowed module": lambda marker: encode(Call(Name("torch", "load"), str(marker))),
    "a getattr chain": lambda _marker: encode(Call(Name("builtins", "getattr"), "x", "__class__")),
    "inside a persistent id": lambda marker: encode(Persistent("storage", _system(marker), "0", "cpu", 1)),
}


@pytest.mark.parametrize("name", MALICIOUS)
@pytest.mark.parametrize("container", ["zip", "row"])
def test_a_pickle_that_wants_to_run_something_runs_nothing(name: str, container: str, tmp_path: Path) -> None:
    marker = tmp_path / "ran"

    content = Raw(MALICIOUS[name](marker))
    data = zipped(content, {}) if container == "zip" else rowed(content, {})
    with pytest.raises(SupernetInvalid):
        read_checkpoint(data, "evil.pth")
    assert list(tmp_path.iterdir()) == []


def test_the_malicious_pickles_would_have_run(tmp_path: Path) -> None:
    pickle.loads(pickled(_system(tmp_path / "ran")))
    assert (tmp_path / "ran").exists()


def _one(**changes: object) -> bytes:
    return zipped({"w": tensor("FloatStorage", "0", (2, 3), **changes)}, {"0": b"\0" * 24})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (_one(offset=1), "element 6 of a storage of 6"),
        (_one(strides=(4, 1)), "element 6 of a storage of 6"),
        (_one(strides=(-3, 1)), "-3 is not a count"),
        (_one(offset=-1), "-1 is not a count"),
        (_one(shape=(2,)), "are not a tensor's"),
        (_one(shape=(1,) * 9, strides=(1,) * 9), "are not a tensor's"),
        (_one(shape=[2, 3]), "list is not a shape"),
        (_one(shape=(2, 3.5)), "is not a count"),
        (_one(count=7), "storage 0 has 24 bytes, its tensors need 28"),
        (zipped({"w": tensor("FloatStorage", "1", (1,))}, {"0": b"\0" * 4}), "data/1 is missing"),
        (zipped({"w": tensor("ComplexFloatStorage", "0", (1,))}, {"0": b"\0" * 8}), "torch.ComplexFloatStorage"),
        (zipped({"w": 3}, {}), "not a state dict of tensors: w"),
        (zipped({}, {}), "it is empty"),
        (zipped([1, 2], {}), "holds list, expected a state dict"),
        (zipped({"w": tensor("FloatStorage", "0", (1,))}, {"0": b"\0" * 4}, order=b"big"), "byte order b'big'"),
        (rowed({"w": tensor("FloatStorage", "0", (1,))}, {"0": (1, b"\0" * 4)}, little=False), "not little-endian"),
        (rowed({"w": tensor("FloatStorage", "0", (1,))}, {"0": (2, b"\0" * 4)}), "2 elements, the file ends before"),
        (rowed({"w": tensor("FloatStorage", "0", (1,))}, {"0": (-1, b"\0" * 4)}), "-1 elements"),
        (rowed({"w": tensor("FloatStorage", "0", (1,))}, {}), "storage '0' is missing"),
        (rowed({}, {"7": (1, b"\0" * 4)}), "storage '7' belongs to no tensor"),
    ],
)
def test_what_is_wrong_with_a_checkpoint_is_said(data: bytes, words: str) -> None:
    with pytest.raises(SupernetInvalid) as caught:
        read_checkpoint(data, "x.pth")
    assert words in str(caught.value)
    assert str(caught.value).startswith("x.pth: ")
    assert "\n" not in str(caught.value)


HUGE = 1 << 30  # elements: 4 GiB in float32
CLAIMS = {
    "a storage in a zip": zipped({"w": tensor("FloatStorage", "0", (HUGE,))}, {"0": b"\0" * 4}),
    "a storage in a row": rowed({"w": tensor("FloatStorage", "0", (HUGE,))}, {"0": (HUGE, b"\0" * 4)}),
    "an expanded tensor": zipped(
        {"w": tensor("FloatStorage", "0", (1 << 20, 1 << 12), 1, strides=(0, 0))}, {"0": b"\0" * 4}
    ),
    "many views of one storage": zipped(
        {f"w{number}": tensor("FloatStorage", "0", (4096,)) for number in range(2000)}, {"0": b"\0" * 4 * 4096}
    ),
    "a text": zipped(Raw(b"X\xff\xff\xff\xff"), {}),
    "bytes": rowed(Raw(b"\x8e" + b"\xff" * 8), {}),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_a_small_file_that_claims_gigabytes_is_refused_in_little_memory(name: str) -> None:
    data = CLAIMS[name]
    tracemalloc.start()
    try:
        with pytest.raises(SupernetInvalid):
            read_checkpoint(data, "x.pth")
        assert tracemalloc.get_traced_memory()[1] < 64 * MIB
    finally:
        tracemalloc.stop()


def _read(stream: bytes) -> object:
    return read_pickle(memoryview(stream), 0, {}, lambda _key: None, "x")[0]


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (b"]" + b"\x85" * (MAX_DEPTH + 1) + b".", f"nested deeper than {MAX_DEPTH}"),
        (b"N0" * (MAX_OPCODES // 2 + 1) + b".", f"{MAX_OPCODES} opcodes"),
        (b"N" * 70_000 + b".", "values on the stack"),
        (b"X\xff\xff\xff\xff.", "it ends too early"),
        (b"B\xff\xff\xff\xff" + b"\0" * (MAX_STREAM_BYTES + 9), f"longer than {MAX_STREAM_BYTES} bytes"),
        (b"\x8e" + b"\xff" * 8 + b".", "it ends too early"),
        (b"\x8b\xff\xff\xff\x7f.", "a number of 2147483647 bytes"),
        (b"\x8a\xff.", "a number of 255 bytes"),
        (b"\x80\x06N.", "protocol 6"),
        (b"I1\n.", "opcode 0x49"),
        (b"X\x01\0\0\0\xff.", "not UTF-8"),
        (b"}]Ns.", "list as a key"),
        (b"}(NNNu.", "set items of dict"),
        (b"N(NNu.", "set items of NoneType"),
        (b"Na.", "where there is none"),
        (b"(NNa.", "append to NoneType"),
        (b"e.", "a group has no start"),
        (b"h\x07.", "value 7 was never kept"),
        (b"((.", "where there is none"),
        (b"NNR.", "a call with NoneType for arguments"),
        (b"N)R.", "a call of NoneType"),
        (b"NNb.", "a state for NoneType"),
        (b"NN\x93.", "a name that is no text"),
        (b"c" + b"x" * 2000 + b"\n\n.", "a name has no end"),
        (b"", "it ends too early"),
    ],
)
def test_a_stream_outside_the_limits_is_refused(stream: bytes, words: str) -> None:
    with pytest.raises(SupernetInvalid) as caught:
        _read(stream)
    assert words in str(caught.value)


def test_plain_values_of_every_kind_are_read() -> None:
    value = {"a": [1, -2, 300, 70_000, None, True, (False, 2.5)], "b": {"c": "é"}}
    for protocol in (2, 3, 4, 5):
        assert _read(pickle.dumps(value, protocol)) == value


def test_a_list_that_holds_itself_is_refused() -> None:
    stream = b"]q\x00" + b"h\x00a" * (MAX_DEPTH + 2) + b"."
    with pytest.raises(SupernetInvalid, match="nested deeper"):
        _read(stream)


def _never_otherwise(data: bytes) -> None:
    """Any other exception than SupernetInvalid fails the test."""
    with contextlib.suppress(SupernetInvalid):
        read_weights(data, "x")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(["zip", "legacy"]), st.data())
def test_a_damaged_checkpoint_is_read_or_refused_and_nothing_else(name: str, data: st.DataObject) -> None:
    good = bytearray((FOLDER / f"{name}.pth").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(good) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "insert", "size"])):
            case "flip":
                good[at] ^= 1 << data.draw(st.integers(0, 7))
            case "cut":
                del good[at : at + data.draw(st.integers(1, 64))]
            case "insert":
                good[at:at] = data.draw(st.binary(max_size=16))
            case _:
                good[at : at + 4] = b"\xff\xff\xff\x7f"
        if not good:
            break
    _never_otherwise(bytes(good))


PLAIN: list[object] = [0, -1, HUGE, "w", (), [], {}, None, True]


@settings(max_examples=400, deadline=None)
@example(b"cos\nsystem\n(X\x04\0\0\0truetR")
@given(
    st.lists(
        st.one_of(
            st.sampled_from(list(map(encode, PLAIN))),
            st.sampled_from([bytes([code]) for code in b"()]}tlaesuRbQ0122.\x81\x85\x86\x87\x93\x94"]),
            st.sampled_from([encode(tensor("FloatStorage", "0", (2,))), Name("collections", "OrderedDict").code]),
            st.binary(max_size=3),
        ),
        max_size=24,
    ).map(b"".join)
)
def test_any_stream_of_opcodes_is_read_or_refused_and_nothing_else(stream: bytes) -> None:
    _never_otherwise(zipped(Raw(stream), {"0": b"\0" * 8}))
    _never_otherwise(rowed(Raw(stream), {"0": (2, b"\0" * 8)}))
