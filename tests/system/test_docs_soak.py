"""What the pages show that takes minutes, as it stands: a ladder out of images, a profile, a benchmark of policies."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agent.sim.parts import CLASSES, render_set
from tests.support.page_shell import PageShell
from tests.support.page_stage import keys, own_library, stage
from tests.support.pages import blocks, statements
from tests.system.station import Station

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]
# They change the machine, or need torch and an hour.
NOT_HERE = re.compile(
    r"^make |^pip install|^python3 -m venv|^\. |agent\.builder\.train|trial/|my_module|--measured|^ofa-agent line"
)
TUTORIAL = "docs/tutorial/from-images-to-a-camera.md"


def parts(folder: Path) -> None:
    """The images of the tutorial, which the other pages call `parts`; the library is the page's to make."""
    images, labels = render_set(7, 4000)
    np.savez_compressed(folder / "parts.npz", images=images, labels=labels, classes=np.array(CLASSES))
    (folder / "library").unlink()


PAGES: dict[str, tuple[Callable[[Path], None], ...]] = {
    TUTORIAL: (parts,),
    "docs/how-to/build-a-library.md": (parts, keys),
    "docs/reference/lineshift.md": (own_library,),
}


@pytest.mark.usefixtures("myriad_compiler")
@pytest.mark.parametrize("page", PAGES)
def test_the_long_commands_of_the_page_end_well(page: str, tmp_path: Path, ladder: Path) -> None:
    stage(tmp_path, ladder)
    for prepare in PAGES[page]:
        prepare(tmp_path)
    with PageShell(tmp_path, {}, {"--images parts ": "--images parts.npz ", ".venv/bin/python": "python"}) as shell:
        for block in blocks(page):
            for statement in statements(block.text) if block.language == "sh" and not block.mark else ():
                if not NOT_HERE.search(statement):
                    done = shell.run(statement)
                    assert done.code == 0, f"{block.place}: {statement!r} ended with {done.code}: {done.output}"


def test_a_profile_is_measured_as_the_page_shows(tmp_path: Path, ladder: Path) -> None:
    stage(tmp_path, ladder)
    (block,) = [block for block in blocks("docs/how-to/profile-a-camera.md") if block.language == "sh"]
    with Station(ladder) as station, PageShell(tmp_path, {"OFA_AGENT_SOCKET": str(station.api_socket)}) as shell:
        *_, last = [shell.run(statement) for statement in statements(block.text)]
    assert last.code == 0, last.output
    assert re.search(r"sub-net +results +median ms +p99 ms +sigma +swap s", last.output)
