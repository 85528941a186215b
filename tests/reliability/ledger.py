"""`reliability.json`: of each item of the list the parts that its proofs came to, and what these come to together.

A run replaces the parts of the proofs that it runs and leaves all others as they are. A part is there, unended, from
the moment its proof begins: whoever is killed in it has told nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.reliability.item import Item
from tests.reliability.part import Part


class Ledger:
    """Owner of the file."""

    def __init__(self, path: Path, items: Mapping[str, Item]) -> None:
        self.path = path
        self._items = items

    def put(self, key: str, proof: str, part: Part) -> None:
        """Write one part, and what its item comes to with it. Atomic: the file is never half written."""
        known = self.read()
        parts = {**known.get(key, {}).get("parts", {}), proof: part.to_json()}
        known[key] = self._items[key].entry(parts)
        written = json.dumps(known, indent=2) + "\n"
        staging = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        staging.write_text(written, encoding="utf-8")
        os.replace(staging, self.path)

    def read(self) -> dict[str, Any]:
        """The entries of the items that are in the file; what is no item of the list is left out."""
        if not self.path.exists():
            return {}
        there = json.loads(self.path.read_text(encoding="utf-8"))
        return {key: there[key] for key in self._items if key in there}
