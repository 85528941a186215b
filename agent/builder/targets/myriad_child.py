"""Compiles one IR for a Myriad with OpenVINO 2021.4, in a process of its own: run as a script, never imported.

Standard input holds a JSON object: `library` (folder of the shared libraries), `model` (`.xml`, its weights beside it),
`out`, `config`, `input` and `output` (U8 or FP16), `memory_bytes`, `deadline_s`. Exit status 0: `out` holds the blob.
2: the last line of standard error says which call failed. Other: the process died.

The C interface answers a number where the library threw, so a failed call is made once more through the C++ interface:
nothing catches its exception there, and the run-time library prints the reason before it ends the process.

It needs only the standard library, and LD_LIBRARY_PATH must name `library` before it starts.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from collections.abc import Mapping
from typing import NoReturn

# Values of `precision_e` in the library's C interface.
_PRECISIONS = {"U8": 40, "FP16": 11}
# The mangled names are those of `Core::ReadNetwork(model, weights)` and `Core::LoadNetwork(network, device, config)`.
_STRING = "NSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"
_READ = f"_ZNK15InferenceEngine4Core11ReadNetworkERK{_STRING}S8_"
_LOAD = (
    f"_ZN15InferenceEngine4Core11LoadNetworkERKNS_10CNNNetworkERK{_STRING}"
    "RKSt3mapIS9_S9_St4lessIS9_ESaISt4pairISA_S9_EEE"
)
_RESULT_BYTES = 4096  # more than any object that the two return


class _Setting(ctypes.Structure):
    """`ie_config_t`: a linked list."""


_Setting._fields_ = [
    ("name", ctypes.c_char_p),
    ("value", ctypes.c_char_p),
    ("next", ctypes.POINTER(_Setting)),
]


class _String(ctypes.Structure):
    """`std::string` of libstdc++; the text outlives the call, so that it is only pointed to."""

    _fields_ = [("text", ctypes.c_char_p), ("size", ctypes.c_size_t), ("capacity", ctypes.c_size_t * 2)]

    def __init__(self, text: bytes) -> None:
        super().__init__(text, len(text), (len(text), 0))


class _EmptyMap(ctypes.Structure):
    """`std::map` of libstdc++ without entries: a root that is its own least and greatest node."""

    _fields_ = [
        ("compare", ctypes.c_size_t),
        ("colour", ctypes.c_size_t),
        ("root", ctypes.c_void_p),
        ("least", ctypes.c_void_p),
        ("greatest", ctypes.c_void_p),
        ("count", ctypes.c_size_t),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.least = self.greatest = ctypes.addressof(self) + _EmptyMap.colour.offset


class _Compiler:
    def __init__(self, folder: str) -> None:
        self._c = ctypes.CDLL(os.path.join(folder, "libinference_engine_c_api.so"), mode=ctypes.RTLD_GLOBAL)
        self._cpp = ctypes.CDLL(os.path.join(folder, "libinference_engine.so"))
        self._core, self._network, self._compiled = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
        plugins = os.path.join(folder, "plugins.xml").encode()
        self._check("create the core", self._c.ie_core_create(plugins, ctypes.byref(self._core)))

    def read(self, model: str) -> None:
        weights = model[: -len(".xml")] + ".bin"
        status = self._c.ie_core_read_network(self._core, model.encode(), weights.encode(), ctypes.byref(self._network))
        if status:
            result = ctypes.create_string_buffer(_RESULT_BYTES)
            strings = _String(model.encode()), _String(weights.encode())
            self._cpp[_READ](result, self._core, *map(ctypes.byref, strings))
        self._check("read the network", status)

    def set_precisions(self, taken: str, answered: str) -> None:
        name, first = ctypes.c_char_p(), ctypes.c_size_t(0)
        for what, precision in (("input", taken), ("output", answered)):
            find = self._c["ie_network_get_" + what + "_name"]
            self._check("find the " + what, find(self._network, first, ctypes.byref(name)))
            change = self._c["ie_network_set_" + what + "_precision"]
            self._check("set the " + what, change(self._network, name, _PRECISIONS[precision]))

    def compile(self, config: Mapping[str, str]) -> None:
        first = None
        for name, value in config.items():
            setting = _Setting(name.encode(), value.encode(), first)
            first = ctypes.pointer(setting)
        status = self._c.ie_core_load_network(self._core, self._network, b"MYRIAD", first, ctypes.byref(self._compiled))
        if status:
            self._check("set up the compiler", self._c.ie_core_set_config(self._core, first, b"MYRIAD"))
            result = ctypes.create_string_buffer(_RESULT_BYTES)
            device, settings = _String(b"MYRIAD"), _EmptyMap()
            self._cpp[_LOAD](result, self._core, self._network, ctypes.byref(device), ctypes.byref(settings))
        self._check("compile the network", status)

    def write(self, out: str) -> None:
        self._check("write the blob", self._c.ie_core_export_network(self._compiled, out.encode()))

    @staticmethod
    def _check(what: str, status: int) -> None:
        if status:
            _end(2, "cannot " + what + ": status " + str(status))


def _end(status: int, *lines: str) -> NoReturn:
    """Leave at once: the library's own clean-up of a device that never was may hang."""
    for line in lines:
        sys.stderr.write(line + "\n")
    sys.stderr.flush()
    os._exit(status)


def _bound(memory_bytes: int, deadline_s: int) -> None:
    """Limits that hold even where the parent is gone."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    signal.alarm(deadline_s)


def main() -> None:
    job = json.load(sys.stdin)
    _bound(job["memory_bytes"], job["deadline_s"])
    try:
        compiler = _Compiler(job["library"])
    except OSError as exc:
        _end(2, "cannot load the compiler: " + str(exc))
    compiler.read(job["model"])
    compiler.set_precisions(job["input"], job["output"])
    compiler.compile(job["config"])
    compiler.write(job["out"])
    _end(0)


if __name__ == "__main__":
    main()
