"""What a support bundle takes from the config, the library and the state directory: all of it read-only."""

from __future__ import annotations

import dataclasses
import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from agent.errors import AgentError, ConfigError, JournalError

if TYPE_CHECKING:
    from agent.config import AgentConfig

JOURNAL_NAME = "journal.sqlite3"
LARGEST_CONFIG = 1_000_000  # bytes
LARGEST_MANIFEST = 4_000_000
BUSY_S = 2.0
_STATE_DIR = re.compile(r"^state_dir:\s+([\"']?)([^\"'#\n]+?)\1\s*(?:#.*)?$", re.MULTILINE)
_LIBRARY = re.compile(r"^library:\s*(?:\{\s*|\n\s+)path:\s*([\"']?)([^\"'#,}\n]+?)\1\s*(?:[#,}].*)?$", re.MULTILINE)
_NEWEST = {"swaps": 200, "steps": 3000, "decisions": 200, "alarms": 1000, "audit": 1000, "line_history": 500}
_NEWEST_OF_OTHERS = 200
_COUNTED_ONLY = frozenset({"answers", "learned"})  # bodies of answers, and what the policy has learned


class Site:
    """A config file and what it names, also where it cannot be used; `text` is empty without a file."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.text = ""
        if path is not None:
            try:
                with path.open("rb") as file:
                    self.text = file.read(LARGEST_CONFIG).decode("utf-8", "replace")
            except OSError as exc:
                self._problem = f"{path}: {exc.strerror}"

    def raw(self) -> str:
        """The file as it is; raises ConfigError where it cannot be read."""
        if self.path is None:
            raise ConfigError("no config file was given (--config FILE)")
        if not self.text:
            raise ConfigError(getattr(self, "_problem", f"{self.path}: is empty"))
        return self.text

    def config(self) -> AgentConfig:
        """The config; raises ConfigError."""
        from agent.config import load_config

        self.raw()
        return load_config(self.path or Path())

    def effective(self) -> str:
        """With every default filled in."""
        from agent.config import effective

        return effective(self.config())

    def state_dir(self) -> Path:
        """From the config where it can be used, else from its line; raises ConfigError where there is none."""
        return self._named(lambda config: config.state_dir, _STATE_DIR, "state_dir")

    def library(self) -> Path:
        """As state_dir, for `library.path`."""
        return self._named(lambda config: config.library.path if config.library else None, _LIBRARY, "library.path")

    def _named(self, of: Callable[[AgentConfig], Path | None], line: re.Pattern[str], key: str) -> Path:
        try:
            found = of(self.config())
        except AgentError:
            match = line.search(self.raw())
            found = None if match is None else Path(match[2])
        if found is None:
            raise ConfigError(f"{self.path}: names no {key}")
        return found if found.is_absolute() or self.path is None else self.path.parent / found

    def state_file(self, name: str) -> str:
        """A text file of the state directory."""
        return (self.state_dir() / name).read_text(encoding="utf-8", errors="replace")[:LARGEST_CONFIG]

    def manifest(self) -> object:
        """The library's manifest, without its blobs."""
        with (self.library() / "manifest.json").open("rb") as file:
            return json.loads(file.read(LARGEST_MANIFEST))

    def verification(self) -> object:
        """What `library verify` says; reads every file of the library."""
        from agent.library import verify_library

        try:
            library = self.config().library
            keys = library.trusted_keys if library else ()
        except AgentError:
            keys = ()
        report = verify_library(self.library(), keys)
        return {**dataclasses.asdict(report), "ok": report.ok}


class JournalFile:
    """The journal as it lies on the disk, also while a daemon writes it; raises JournalError for one that is away."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def integrity(self) -> object:
        """Sizes, schema version, rows of each table, and whether SQLite finds the file sound."""
        sizes = {path.name: path.stat().st_size for path in sorted(self._path.parent.glob(f"{self._path.name}*"))}
        found: dict[str, object] = {"sizes_bytes": sizes}
        try:
            with closing(self._open()) as db:
                found["schema_version"] = db.execute("PRAGMA user_version").fetchone()[0]
                found["tables"] = {name: _count(db, name) for name in _tables(db)}
                found["check"] = _attempt(lambda: [row[0] for row in db.execute("PRAGMA quick_check(20)")])
        except (sqlite3.Error, JournalError) as exc:
            found["error"] = f"{type(exc).__name__}: {exc}"
        return found

    def rows(self) -> dict[str, object]:
        """The newest rows of each table as `journal/TABLE.json`, or why they cannot be read."""
        try:
            with closing(self._open()) as db:
                names = [name for name in _tables(db) if name not in _COUNTED_ONLY]
                return {f"journal/{name}.json": _attempt(partial(_newest, db, name)) for name in names}
        except sqlite3.Error as exc:
            raise JournalError(f"journal {self._path}: {exc}") from exc

    def _open(self) -> sqlite3.Connection:
        if not self._path.is_file():
            raise JournalError(f"journal {self._path}: is not there")
        name = f"file:{quote(str(self._path.absolute()))}?mode=ro"
        db = sqlite3.connect(name, uri=True, timeout=BUSY_S)
        try:
            db.execute("PRAGMA user_version").fetchone()
        except sqlite3.OperationalError:
            db.close()
            if self._path.with_name(f"{self._path.name}-wal").exists():
                raise
            # In a folder that cannot be written, where nobody writes it: it needs no lock.
            db = sqlite3.connect(f"{name}&immutable=1", uri=True)
        db.row_factory = sqlite3.Row
        return db


def _tables(db: sqlite3.Connection) -> list[str]:
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    return [row[0] for row in db.execute(query)]


def _count(db: sqlite3.Connection, table: str) -> object:
    return _attempt(lambda: db.execute(f'SELECT COUNT(*) FROM "{table}"').fetchone()[0])


def _newest(db: sqlite3.Connection, table: str) -> list[dict[str, object]]:
    most = _NEWEST.get(table, _NEWEST_OF_OTHERS)
    found = db.execute(f'SELECT * FROM "{table}" ORDER BY rowid DESC LIMIT ?', (most,))
    return [{name: _cell(row[name]) for name in row.keys()} for row in found]  # noqa: SIM118  a Row is no dict


def _cell(value: object) -> object:
    """Bodies as what they are, so that their keys are seen; bytes as their number."""
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _attempt(read: Callable[[], object]) -> object:
    try:
        return read()
    except sqlite3.Error as exc:
        return exc
