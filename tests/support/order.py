"""In which order files of tests are handed to processes of pytest-xdist: those that take long first.

A process is given whole files, and the last one decides when the suite ends. pytest-xdist would begin with the files of
many tests; those that take longest have few.
"""

from __future__ import annotations

import pytest

# Ten seconds of a quiet core and more, longest first.
LONGEST = (
    "tests/system/test_demo.py",
    "tests/system/test_docs.py",
    "tests/unit/builder/test_build_images.py",
    "tests/system/test_cli_daemon.py",
    "tests/system/test_node_gateway.py",
    "tests/system/test_virtual_line.py",
    "tests/system/test_daemon_killed.py",
    "tests/system/test_programs.py",
    "tests/unit/builder/targets/test_myriad_compiler.py",
    "tests/web/test_page.py",
    "tests/unit/builder/test_official_layouts.py",
    "tests/system/test_group_daemon.py",
    "tests/system/test_many_swaps.py",
    "tests/system/test_secure.py",
    "tests/unit/builder/test_pixel_format.py",
    "tests/unit/builder/test_extraction.py",
    "tests/system/test_replay_agrees.py",
    "tests/api/test_slow_clients.py",
)


def keep_order(config: pytest.Config) -> None:
    """Have pytest-xdist hand files out as they were collected."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def longest_first(items: list[pytest.Item]) -> None:
    """Move the tests of LONGEST to the beginning; within a file, and of other files, the order stays."""
    places = {file: place for place, file in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(LONGEST)))
