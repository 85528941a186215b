"""The parts of a support bundle, each bounded, and the archive that they become."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import tarfile
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.cli.support.redact import Redactor

FOLDER = "ofa-agent-support"
MOST_OF_A_PART = 4_000_000  # bytes of text
_CUT = "\n[cut: the rest is left out]\n"


@dataclass(frozen=True, slots=True)
class _Made:
    """A part as it was collected; `error` where it could not be."""

    value: object
    error: str = ""


class Bundle:
    """Collects parts in the time that is left, and writes them. Whatever fails is a part that says so."""

    def __init__(self, max_bytes: int, now_s: Callable[[], float], seconds: float) -> None:
        self._max_bytes = max_bytes
        self._now_s = now_s
        self._until_s = now_s() + seconds
        self._parts: dict[str, _Made] = {}

    @property
    def failed(self) -> dict[str, str]:
        """Why, by the name of the part."""
        return {name: made.error for name, made in self._parts.items() if made.error}

    @property
    def count(self) -> int:
        return len(self._parts)

    def add(self, name: str, make: Callable[[], object]) -> None:
        """A part: text, or a value of JSON. It is given up when the bundle's time is over."""
        left_s = self._until_s - self._now_s()
        self._parts[name] = _in_time(make, left_s)

    def add_all(self, make: Callable[[], dict[str, object]], names: tuple[str, ...]) -> None:
        """Several parts that are made together: each a value, or an exception that says why there is none.

        Where all of them fail, `names` stand for them.
        """
        made = _in_time(make, self._until_s - self._now_s())
        found = made.value if isinstance(made.value, dict) else {}
        for name in names if made.error else found:
            value = found.get(name)
            error = made.error or (_words(value) if isinstance(value, BaseException) else "")
            self._parts[name] = _Made(None if error else value, error)

    def write(self, out: Path, redactor: Redactor, about: dict[str, object]) -> int:
        """The archive at `out`, at once or not at all, for its owner only; returns its size in bytes."""
        contents, manifest = {}, []
        left = self._max_bytes
        for name, made in self._parts.items():
            data = _rendered(name, made, redactor)
            error = redactor.text(made.error)
            if len(data) > left:
                error = f"left out: with its {len(data)} bytes the bundle would be larger than asked for"
                data = _rendered(name, _Made(None, error), redactor)
            left -= len(data)
            file_name = _file_name(redactor.text(name))
            contents[file_name] = data
            sha256 = hashlib.sha256(data).hexdigest()
            manifest.append({"name": file_name, "size_bytes": len(data), "sha256": sha256, "error": error or None})
        head = {**about, "redacted": redactor.redacted, "parts": manifest}
        contents["manifest.json"] = (json.dumps(redactor.value(head), indent=2) + "\n").encode()
        return _write(out, contents)


def _in_time(make: Callable[[], object], seconds: float) -> _Made:
    """What `make` answers, or why it does not. A thread that hangs is left behind: it ends with the process."""
    if seconds <= 0:
        return _Made(None, "left out: the time for the bundle is over")
    found: list[_Made] = []

    def work() -> None:
        try:
            found.append(_Made(make()))
        except BaseException as exc:  # noqa: BLE001  a part that fails must not fail the bundle
            found.append(_Made(None, _words(exc)))

    thread = threading.Thread(target=work, name="support-part", daemon=True)
    thread.start()
    thread.join(seconds)
    return found[0] if found else _Made(None, f"given up after {seconds:.0f} s")


def _file_name(name: str) -> str:
    """A relative path of plain letters, whatever a camera is called."""
    return "/".join(re.sub(r"[^\w.\[\]-]", "_", part).lstrip(".") or "_" for part in name.split("/"))


def _words(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _rendered(name: str, made: _Made, redactor: Redactor) -> bytes:
    value = {"error": made.error} if made.error else made.value
    if name.endswith(".yaml"):
        text = f"# {made.error}\n" if made.error else str(made.value)
        text = redactor.config(text)
    elif isinstance(value, str):
        text = redactor.text(value)
    else:
        text = json.dumps(redactor.value(value), indent=1, ensure_ascii=False) + "\n"
    data = text.encode("utf-8", "replace")
    return data if len(data) <= MOST_OF_A_PART else data[:MOST_OF_A_PART] + _CUT.encode()


def _write(out: Path, contents: dict[str, bytes]) -> int:
    descriptor, temporary = tempfile.mkstemp(prefix=f".{out.name}.", dir=out.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as zipped:
                _tar(zipped, contents)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        os.replace(temporary, out)
    except BaseException:
        os.unlink(temporary)
        raise
    return size


def _tar(file: gzip.GzipFile, contents: dict[str, bytes]) -> None:
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, data in contents.items():
            member = tarfile.TarInfo(f"{FOLDER}/{name}")
            member.size, member.mode = len(data), 0o600
            archive.addfile(member, io.BytesIO(data))
