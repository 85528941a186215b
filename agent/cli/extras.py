"""What a command needs that not every machine has, and how it is installed."""

from __future__ import annotations

# Module: extra of the wheel. The Debian package of the simulated camera has those of `demo`.
_EXTRAS = {
    "genicam": "demo",
    "matplotlib": "build",
    "openvino": "demo",
    "pymoo": "build",
    "safetensors": "demo",
    "sklearn": "build",
    "torch": "train",
}


def how_to_install(error: ModuleNotFoundError) -> str | None:
    """One line for a module of an extra that is not there; None for any other, which is a fault of the program."""
    name = (error.name or "").partition(".")[0]
    extra = _EXTRAS.get(name)
    if extra is None:
        return None
    package = ", or the Debian package ofa-agent-simulation" if extra == "demo" else ""
    return f"this needs {name}, which is not installed: pip install 'ofa-agent[{extra}]'{package}"
