"""Where the files of the demo are that are no modules: beside this one in a wheel, in deploy/ in a checkout."""

from __future__ import annotations

from pathlib import Path

_INSTALLED = Path(__file__).with_name("shipped")
_CHECKOUT = Path(__file__).parents[3] / "deploy"


def shipped(name: str) -> Path:
    """A file by its name below deploy/; the path in a checkout where it is in neither."""
    installed = _INSTALLED / Path(name).name
    return installed if installed.is_file() else _CHECKOUT / name
