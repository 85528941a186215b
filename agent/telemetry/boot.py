"""Which boot of the machine this is: a lease does not outlive it (interfaces.md section 6, Claims)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agent.telemetry.ids import IdSource

BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")  # random(4)

BootId = Callable[[], str]


def boot_id_reader(ids: IdSource, file: Path = BOOT_ID_FILE) -> BootId:
    """A function that tells the boot id. Where the kernel tells none, one made up for this run of the daemon stands in:
    then leases expire with the daemon, which is the safe side."""
    try:
        known = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        known = ""
    boot_id = known or f"unknown-{ids.uuid()}"
    return lambda: boot_id
