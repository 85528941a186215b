"""docs/how-to/install-and-upgrade.md, block by block, in a tree of the release."""

from __future__ import annotations

from tests.package.conftest import Debs
from tests.package.trees import STATE, VERSION, Tree
from tests.support.pages import Block, blocks

PAGE = "docs/how-to/install-and-upgrade.md"
# The tree has no running systemd, no sudo, and one user.
PRELUDE = """\
sudo() { "$@"; }
systemctl() { test "$1" = restart; }
USER=daemon
export DEBIAN_FRONTEND=noninteractive
"""


def run(tree: Tree, block: Block, stick: str) -> str:
    script = block.text.replace("/media/usb", f"/media/{stick}").replace("sudo apt ", "sudo apt-get --yes --quiet ")
    return tree.sh(PRELUDE + script)


def test_the_page_does_what_it_says_from_the_first_installation_to_the_purge(bare: Tree, debs: Debs) -> None:
    shown = [block for block in blocks(PAGE) if block.language == "sh" and not block.mark]
    install, check, group, simulation, upgrade, back, remove, purge = shown
    first = debs.agent.parent.name
    assert (debs.agent.parent / "SHA256SUMS").exists()
    assert ": OK" in run(bare, install, first)
    assert "ok: /etc/ofa-agent/agent.yaml" in run(bare, check, first)
    run(bare, group, first)
    assert "ofa-agent" in bare.ok("id", "--groups", "--name", "daemon")
    run(bare, simulation, first)
    assert "demo" in bare.ok("ofa-agent", "demo", "--help")
    run(bare, upgrade, debs.upgrade.parent.name)
    assert bare.version() == "9.0.0"
    run(bare, back, first)
    assert bare.version() == VERSION
    bare.write(f"{STATE}/journal.sqlite3", "")
    run(bare, remove, first)
    assert bare.path(f"{STATE}/journal.sqlite3").exists()
    run(bare, purge, first)
    assert not bare.path(STATE).exists()
