"""Upgrade, downgrade, removal and purge: what is kept, what goes, and what is refused."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tests.package.conftest import NEXT, Debs
from tests.package.trees import CONFIG, STATE, VERSION, Tree

JOURNAL = f"{STATE}/journal.sqlite3"
LEFT = """\
import sys
from pathlib import Path
names = ("/opt/ofa-agent", "/usr/bin/ofa-agent", "/usr/sbin/ofa-agent-pyspin", "/etc/ofa-agent",
         "/etc/default/ofa-agent",
         "/var/lib/ofa-agent", "/var/log/ofa-agent", "/usr/lib/systemd/system/ofa-agent.service",
         "/etc/systemd/system/multi-user.target.wants/ofa-agent.service", "/etc/systemd/system/ofa-agent.service")
print(*(name for name in names if Path(name).exists() or Path(name).is_symlink()))
"""


def journal(tree: Tree, version: int) -> bytes:
    """A journal as an agent of another version leaves it; its bytes."""
    path = tree.path(JOURNAL)
    path.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA user_version = {version}")
        db.execute("CREATE TABLE of_that_version (x)")
    db.close()
    return path.read_bytes()


def used(tree: Tree) -> None:
    """What a machine has after some weeks: settings, state, a library, a key, the vendor's SDK."""
    tree.sh(f"sed -i 's/name: station-1/name: left-of-the-oven/' {CONFIG}")
    journal(tree, 1)
    for name in (f"{STATE}/library-7/manifest.json", "/etc/ofa-agent/tls.key", "/var/log/ofa-agent/trace.csv"):
        tree.write(name, "made by hand\n")
    tree.path(f"{STATE}/library").symlink_to("library-7")
    tree.write("/opt/ofa-agent/vendor/python3.11/PySpin.py", "System = 1\n")


def left(tree: Tree) -> set[str]:
    return set(tree.ok("python3", "-c", LEFT).split())


def test_an_upgrade_keeps_settings_state_and_the_vendors_sdk(tree: Tree, debs: Debs) -> None:
    used(tree)
    before = tree.path(JOURNAL).read_bytes()
    tree.install(debs.upgrade)
    assert tree.version() == NEXT
    assert "name: left-of-the-oven" in tree.path(CONFIG).read_text()
    assert not tree.path(f"{CONFIG}.dpkg-dist").exists()
    assert tree.path(JOURNAL).read_bytes() == before
    assert tree.path("/opt/ofa-agent/vendor/python3.11/PySpin.py").exists()
    assert "made by hand" in tree.ok("cat", f"{STATE}/library/manifest.json")


def test_a_service_that_was_disabled_stays_so_over_an_upgrade(tree: Tree, debs: Debs) -> None:
    tree.ok("systemctl", "disable", "ofa-agent.service")
    tree.install(debs.upgrade)
    assert tree.run("systemctl", "is-enabled", "ofa-agent.service").stdout == "disabled\n"


def test_a_config_that_the_new_version_refuses_is_told_and_kept(tree: Tree, debs: Debs) -> None:
    tree.write(CONFIG, tree.path(CONFIG).read_text() + "telemtry: {}\n")
    said = tree.install(debs.upgrade, options=("--force-confold",))
    assert f"{CONFIG}:" in said
    assert "telemtry" in said
    assert tree.path(CONFIG).read_text().endswith("telemtry: {}\n")


def test_a_downgrade_with_a_journal_that_both_read_goes_through(tree: Tree, debs: Debs) -> None:
    tree.install(debs.upgrade)
    used(tree)
    tree.install(debs.agent)
    assert tree.version() == VERSION
    assert tree.path(JOURNAL).exists()


def test_a_downgrade_below_the_journals_tables_is_refused_before_anything_changes(tree: Tree, debs: Debs) -> None:
    tree.install(debs.upgrade)
    bytes_before = journal(tree, 77)
    done = tree.dpkg("--install", debs.agent)
    assert done.returncode == 1
    assert f"ofa-agent: {JOURNAL} has tables of version 77, ofa-agent {VERSION} knows up to " in done.stdout
    assert "move\n" in done.stdout
    assert tree.version() == NEXT
    assert tree.ok("dpkg-query", "--show", "--showformat=${db:Status-Abbrev}", "ofa-agent").strip() == "ii"
    assert tree.path(JOURNAL).read_bytes() == bytes_before


def test_an_agent_that_meets_a_newer_journal_says_so_and_leaves_it_as_it_is(tree: Tree, debs: Debs) -> None:
    bytes_before = journal(tree, 77)
    tree.install(debs.simulation)
    done = tree.run("ofa-agent", "run", "--config", CONFIG)
    assert done.returncode != 0
    said = done.stdout.splitlines()[-1]
    assert f"journal {JOURNAL}: schema version 77, this ofa-agent knows up to " in said
    assert "run the version that wrote it, or move the file away" in said
    assert tree.path(JOURNAL).read_bytes() == bytes_before


def test_removal_keeps_settings_and_state_and_installing_again_takes_them_over(tree: Tree, debs: Debs) -> None:
    used(tree)
    tree.ok("dpkg", "--remove", "ofa-agent")
    kept = {"/opt/ofa-agent", "/etc/ofa-agent", "/etc/default/ofa-agent", STATE, "/var/log/ofa-agent"}
    # Masked, so that nothing starts what is not there.
    assert left(tree) - {"/etc/systemd/system/ofa-agent.service"} == kept | links(tree)
    assert [path.name for path in tree.path("/opt/ofa-agent").iterdir()] == ["vendor"]
    tree.install(debs.agent)
    assert "name: left-of-the-oven" in tree.path(CONFIG).read_text()
    assert tree.ok("systemctl", "is-enabled", "ofa-agent.service") == "enabled\n"


def links(tree: Tree) -> set[str]:
    """The link that enables the service stays until a purge, as with every package."""
    name = "/etc/systemd/system/multi-user.target.wants/ofa-agent.service"
    return {name} if tree.path(name).is_symlink() else set()


def test_a_purge_leaves_libraries_and_what_is_not_of_the_package_and_says_so(tree: Tree) -> None:
    used(tree)
    said = tree.ok("dpkg", "--purge", "ofa-agent")
    assert left(tree) == {"/etc/ofa-agent", STATE}
    assert sorted(path.name for path in tree.path(STATE).iterdir()) == ["library", "library-7"]
    assert [path.name for path in tree.path("/etc/ofa-agent").iterdir()] == ["tls.key"]
    assert f"ofa-agent: libraries are kept: {STATE}/library {STATE}/library-7" in said
    assert "ofa-agent: /etc/ofa-agent is kept" in said


def test_a_purge_of_a_package_that_was_never_used_leaves_nothing(tree: Tree, debs: Debs) -> None:
    tree.install(debs.simulation)
    said = tree.ok("dpkg", "--purge", "ofa-agent-simulation", "ofa-agent")
    assert left(tree) == set()
    assert "kept" not in said
    assert "not empty" not in said


def test_a_purge_after_a_removal_says_nothing_wrong_although_nothing_of_the_package_is_there(tree: Tree) -> None:
    tree.ok("dpkg", "--remove", "ofa-agent")
    said = tree.ok("dpkg", "--purge", "ofa-agent")
    assert left(tree) == set()
    assert "not found" not in said


def installed_files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def test_the_simulation_comes_and_goes_alone(tree: Tree, debs: Debs) -> None:
    before = installed_files(tree.path("/opt/ofa-agent"))
    tree.install(debs.simulation)
    assert installed_files(tree.path("/opt/ofa-agent")) > before
    tree.ok("dpkg", "--purge", "ofa-agent-simulation")
    assert installed_files(tree.path("/opt/ofa-agent")) == before
