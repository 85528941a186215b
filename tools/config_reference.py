"""Write docs/reference/config.md and config.schema.json from the tables that the agent reads its config by."""

from __future__ import annotations

import sys
from pathlib import Path

from agent.config.json_schema import schema_text
from agent.config.reference import reference

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reference"
PAGES = {"config.md": reference, "config.schema.json": schema_text}


def main() -> int:
    for name, text in PAGES.items():
        (FOLDER / name).write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
