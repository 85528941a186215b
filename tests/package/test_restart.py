"""When the maintainer scripts start, restart and stop the service, told by a systemctl that only writes down."""

from __future__ import annotations

import re

import pytest

from tests.package.conftest import Debs
from tests.package.trees import CONFIG, STATE, VERSION, Tree

# `is-active` answers what the test says; the rest is written down with the version that is installed just then.
SYSTEMCTL = """\
#!/bin/sh
while [ "${1#--}" != "$1" ]; do shift; done
case "$*" in
is-active*) cat /srv/state; grep -qx active /srv/state ;;
is-enabled*) if [ -L /etc/systemd/system/multi-user.target.wants/ofa-agent.service ]; then echo enabled; fi ;;
*) echo "$* $(test -e /opt/ofa-agent/bin/ofa-agent && ofa-agent --version | cut -d' ' -f3)" >>/srv/log ;;
esac
"""
SIMULATED = "version: 1\ncameras: [{name: a, sdk: simulated, simulation: {}}]\n"
SIMULATED += "policy: {default_budget: {max_latency_ms: 80}, fail_safe_budget: {max_latency_ms: 40}}\n"


@pytest.fixture
def machine(tree: Tree) -> Tree:
    """Systemd seems to run; the camera is simulated, so that no vendor's SDK is asked for."""
    for name in ("/usr/local/sbin/systemctl", "/usr/local/bin/systemctl"):
        tree.write(name, SYSTEMCTL)
        tree.path(name).chmod(0o755)
    tree.path("/before/systemd/system").mkdir(parents=True)
    tree.write(CONFIG, SIMULATED)
    tree.write("/srv/log", "")
    return tree


def asked(tree: Tree) -> list[str]:
    """What systemctl was told about the service."""
    lines = tree.path("/srv/log").read_text().splitlines()
    return [line for line in lines if re.match(r"\S*(start|stop|reload|kill) .*ofa-agent\.service", line)]


def test_an_upgrade_restarts_a_running_service_once_and_after_the_new_version_is_in_place(
    machine: Tree, debs: Debs
) -> None:
    machine.write("/srv/state", "active\n")
    machine.install(debs.upgrade, options=("--force-confold",))
    assert asked(machine) == ["restart ofa-agent.service 9.0.0"]


def test_an_upgrade_leaves_a_service_alone_that_somebody_stopped(machine: Tree, debs: Debs) -> None:
    machine.write("/srv/state", "inactive\n")
    said = machine.install(debs.upgrade, options=("--force-confold",))
    assert asked(machine) == []
    assert "ofa-agent: was stopped before the upgrade and stays so" in said


def test_an_upgrade_tries_a_service_again_that_had_failed(machine: Tree, debs: Debs) -> None:
    machine.write("/srv/state", "failed\n")
    machine.install(debs.upgrade, options=("--force-confold",))
    assert asked(machine) == ["restart ofa-agent.service 9.0.0"]


def test_a_refused_downgrade_does_not_touch_the_service(machine: Tree, debs: Debs) -> None:
    machine.write("/srv/state", "active\n")
    machine.install(debs.upgrade, options=("--force-confold",))
    machine.write("/srv/log", "")
    header = bytearray(100)
    header[60:64] = (99).to_bytes(4, "big")
    machine.path(f"{STATE}/journal.sqlite3").write_bytes(bytes(header))
    done = machine.dpkg("--install", debs.agent)
    assert done.returncode == 1
    assert "has tables of version 99" in done.stdout
    assert [line for line in asked(machine) if line.startswith("stop")] == []


def test_removal_stops_the_service_while_its_program_is_still_there(machine: Tree) -> None:
    machine.write("/srv/state", "active\n")
    machine.ok("dpkg", "--remove", "ofa-agent")
    assert asked(machine) == [f"stop ofa-agent.service {VERSION}"]


def test_a_new_machine_without_the_vendors_sdk_is_told_what_to_do_and_nothing_is_started(
    bare: Tree, debs: Debs
) -> None:
    for name in ("/usr/local/sbin/systemctl", "/usr/local/bin/systemctl"):
        bare.write(name, SYSTEMCTL)
        bare.path(name).chmod(0o755)
    bare.path("/before/systemd/system").mkdir(parents=True)
    bare.write("/srv/state", "inactive\n")
    bare.write("/srv/log", "")
    said = bare.install(debs.agent)
    assert asked(bare) == []
    assert "ofa-agent: not started yet." in said
