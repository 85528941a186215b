"""torch checkpoints (`.pth`) read without torch, and without running anything of what they hold.

Two containers exist: a zip of a pickle and one file for each storage (torch since 1.6), and before that a row of
pickles followed by the storages. Both keep tensors as a storage's key, an offset, a shape and strides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agent.builder.checkpoint_zip import Records, is_torch_zip
from agent.builder.errors import SupernetInvalid
from agent.builder.pickle_stream import Allowed, Inert, read_pickle
from agent.builder.tensors import Array, count_of, element_bytes, strided

# torch.serialization: MAGIC_NUMBER and PROTOCOL_VERSION of the old container.
_MAGIC = 0x1950A86A20F9469CFC6C
_MAGIC_BYTES = _MAGIC.to_bytes(10, "little")
_PROTOCOL = 1001
_MAX_STORAGES = 100_000

# A tensor may be kept twice (tied weights); more elements than this for each byte of the file is a bomb.
_MAX_ELEMENTS_PER_BYTE = 2
_SHOWN = 4

# Where checkpoints of training scripts keep the weights.
_STATE_KEYS = ("state_dict", "model_state_dict", "model")
METADATA_KEY = "metadata"

_STORAGES = {
    "DoubleStorage": "f64", "FloatStorage": "f32", "HalfStorage": "f16", "BFloat16Storage": "bf16",
    "LongStorage": "i64", "IntStorage": "i32", "ShortStorage": "i16", "CharStorage": "i8", "ByteStorage": "u8",
    "BoolStorage": "bool",
}  # fmt: skip
# Values beside the weights that training scripts keep: passed over, never made.
_INERT = (
    ("numpy", "dtype"), ("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar"),
    ("_codecs", "encode"), ("argparse", "Namespace"), ("torch", "device"), ("torch", "Size"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights by name, and what else the file says about them (texts; empty in published files)."""

    weights: dict[str, Array]
    metadata: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Storage:
    """`count` elements from `start` of the storage `key`."""

    key: str
    kind: str
    count: int
    start: int = 0


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A view of a storage; offset and strides in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(slots=True)
class _Seen:
    """Storages that the pickle named; the first naming gives the element type."""

    storages: dict[str, _Storage] = field(default_factory=dict)

    def load(self, value: object) -> _Storage:
        """A storage from its persistent id: kind, type, key, device, elements, and part of it in old files."""
        if not isinstance(value, tuple) or len(value) not in (5, 6) or value[0] != "storage":
            raise ValueError("an id that is not a storage's")
        _, kind, key, _, count, *part = value
        if not isinstance(kind, Allowed) or not kind.name.startswith(_STORAGE_NAME):
            raise ValueError("a storage without an element type")
        whole = _Storage(str(key)[:64], kind.name.removeprefix(_STORAGE_NAME), _whole(count))
        if len(self.storages) >= _MAX_STORAGES:
            raise ValueError(f"more than {_MAX_STORAGES} storages")
        known = self.storages.setdefault(whole.key, whole)
        if element_bytes(known.kind) != element_bytes(whole.kind):
            raise ValueError(f"storage {whole.key} is {known.kind} and {whole.kind}")
        return whole if not part or part[0] is None else _part(whole, part[0])


def is_checkpoint(data: bytes) -> bool:
    """The bytes start as a torch checkpoint does, of either container."""
    return is_torch_zip(data) or (data[:1] == b"\x80" and _MAGIC_BYTES in data[:32])


def read_checkpoint(data: bytes, where: str) -> Checkpoint:
    """Weights as float32 arrays, views of `data` where they can be.

    Raises SupernetInvalid for a damaged file, UnsafeCheckpoint for one that wants to run something.
    """
    value, storages = _from_zip(data, where) if is_torch_zip(data) else _from_row(data, where)
    state, metadata = _state_dict(value, where)
    budget = len(data) * _MAX_ELEMENTS_PER_BYTE
    weights: dict[str, Array] = {}
    for key, tensor in state.items():
        budget -= count_of(tensor.shape)
        if budget < 0:
            raise SupernetInvalid(
                f"{where}: {key}: its tensors claim more elements than a file of {len(data)} bytes has"
            )
        weights[key] = _array(tensor, storages(tensor.storage.key), f"{where}: {key}")
    return Checkpoint(weights, metadata)


_Storages = Callable[[str], memoryview]


def _from_zip(data: bytes, where: str) -> tuple[object, _Storages]:
    records = Records(data, where)
    order = bytes(records.get("byteorder") or b"little")
    if order != b"little":
        raise SupernetInvalid(f"{where}: byte order {order[:16]!r}, only little-endian checkpoints are read")
    seen = _Seen()
    value, _ = read_pickle(records.need("data.pkl"), 0, _NAMES, seen.load, f"{where}: data.pkl")

    def storage(key: str) -> memoryview:
        return _sized(records.need(f"data/{key}"), seen.storages[key], where)

    return value, storage


def _sized(content: memoryview, storage: _Storage, where: str) -> memoryview:
    wanted = storage.count * element_bytes(storage.kind)
    if len(content) != wanted:
        raise SupernetInvalid(f"{where}: storage {storage.key} has {len(content)} bytes, its tensors need {wanted}")
    return content


def _from_row(data: bytes, where: str) -> tuple[object, _Storages]:
    view, seen, at = memoryview(data), _Seen(), 0
    values: list[object] = []
    for name in ("magic number", "protocol", "system", "content", "storage keys"):
        value, at = read_pickle(view, at, _NAMES, seen.load, f"{where}: {name}")
        values.append(value)
    magic, protocol, system, content, keys = values
    if magic != _MAGIC or protocol != _PROTOCOL:
        raise SupernetInvalid(f"{where}: not a torch checkpoint: protocol {protocol!r:.40}")
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise SupernetInvalid(f"{where}: byte order is not little-endian; only that is read")
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise SupernetInvalid(f"{where}: the list of storage keys is damaged")
    found = _rowed_storages(view, at, keys, seen, where)
    return content, lambda key: _present(found, key, where)


def _rowed_storages(view: memoryview, at: int, keys: list[str], seen: _Seen, where: str) -> dict[str, memoryview]:
    """Each storage as it follows the pickles: the count of its elements in 8 bytes, then the elements."""
    found: dict[str, memoryview] = {}
    for key in keys:
        known = seen.storages.get(key)
        if known is None:
            raise SupernetInvalid(f"{where}: storage {key[:64]!r} belongs to no tensor")
        count = int.from_bytes(view[at : at + 8], "little", signed=True)
        end = at + 8 + count * element_bytes(known.kind)
        if count < 0 or end > len(view):
            raise SupernetInvalid(f"{where}: storage {key[:64]!r} has {count} elements, the file ends before")
        found[key], at = view[at + 8 : end], end
    return found


def _present(found: Mapping[str, memoryview], key: str, where: str) -> memoryview:
    if key not in found:
        raise SupernetInvalid(f"{where}: storage {key!r} is missing")
    return found[key]


def _array(tensor: _Tensor, content: memoryview, where: str) -> Array:
    storage = tensor.storage
    width = element_bytes(storage.kind)
    if (storage.start + storage.count) * width > len(content):
        raise SupernetInvalid(f"{where}: its storage has {len(content)} bytes, needs elements up to {storage.count}")
    part = content[storage.start * width : (storage.start + storage.count) * width]
    try:
        return strided(part, storage.kind, tensor.offset, tensor.shape, tensor.strides)
    except ValueError as exc:
        raise SupernetInvalid(f"{where}: {exc}") from exc


def _state_dict(value: object, where: str) -> tuple[dict[str, _Tensor], dict[str, str]]:
    if not isinstance(value, dict):
        raise SupernetInvalid(f"{where}: holds {_kind(value)}, expected a state dict")
    inner = [value[key] for key in _STATE_KEYS if isinstance(value.get(key), dict)]
    state = inner[0] if inner else value
    metadata = value.get(METADATA_KEY, {}) if inner else {}
    other = [str(key) for key, entry in state.items() if not isinstance(entry, _Tensor) or not isinstance(key, str)]
    if other or not state:
        named = ", ".join(_printable(key) for key in other[:_SHOWN]) or "it is empty"
        raise SupernetInvalid(f"{where}: not a state dict of tensors: {named}; keys beside tensors: {len(other)}")
    texts = metadata if isinstance(metadata, dict) else {}
    return state, {key: text for key, text in texts.items() if isinstance(key, str) and isinstance(text, str)}


def _kind(value: object) -> str:
    return value.name if isinstance(value, Inert) else type(value).__name__.lstrip("_")


def _printable(text: str) -> str:
    return re.sub(r"[^\x20-\x7e]", "?", text[:80])


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**48:
        raise ValueError(f"{value!r:.40} is not a count")
    return value


def _wholes(value: object) -> tuple[int, ...]:
    if not isinstance(value, tuple):
        raise ValueError(f"{type(value).__name__} is not a shape")
    return tuple(_whole(entry) for entry in value)


def _part(whole: _Storage, part: object) -> _Storage:
    """Files before torch 1.0: (key of the view, first element, elements)."""
    if not isinstance(part, tuple) or len(part) != 3:
        raise ValueError("a part of a storage that is none")
    return _Storage(whole.key, whole.kind, _whole(part[2]), _whole(part[1]))


def _rebuild_tensor(arguments: tuple[object, ...]) -> _Tensor:
    """torch._utils._rebuild_tensor(_v2): storage, offset, size, stride, and what a tensor without history needs not."""
    if len(arguments) < 4 or not isinstance(arguments[0], _Storage):
        raise ValueError("not a tensor of a storage")
    return _Tensor(arguments[0], _whole(arguments[1]), _wholes(arguments[2]), _wholes(arguments[3]))


def _rebuild_parameter(arguments: tuple[object, ...]) -> _Tensor:
    if not arguments or not isinstance(arguments[0], _Tensor):
        raise ValueError("not a parameter of a tensor")
    return arguments[0]


def _ordered_dict(arguments: tuple[object, ...]) -> dict[object, object]:
    pairs = arguments[0] if arguments else []
    if not isinstance(pairs, list) or not all(
        isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str) for pair in pairs
    ):
        raise ValueError("not a list of pairs")
    return {pair[0]: pair[1] for pair in pairs}


_STORAGE_NAME = "storage of "
_NAMES: dict[tuple[str, str], object] = {
    **{("torch", name): Allowed(f"{_STORAGE_NAME}{kind}") for name, kind in _STORAGES.items()},
    **{(module, name): Inert(f"{module}.{name}") for module, name in _INERT},
    ("collections", "OrderedDict"): Allowed("OrderedDict", _ordered_dict),
    ("torch._utils", "_rebuild_tensor"): Allowed("_rebuild_tensor", _rebuild_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): Allowed("_rebuild_tensor_v2", _rebuild_tensor),
    ("torch._utils", "_rebuild_parameter"): Allowed("_rebuild_parameter", _rebuild_parameter),
}
