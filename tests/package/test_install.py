"""A machine on which the package was just installed."""

from __future__ import annotations

import json
import re

from tests.package.conftest import Debs
from tests.package.trees import CONFIG, STATE, VERSION, Tree

SIMULATED = """\
version: 1
cameras:
  - {name: station-1, sdk: simulated, simulation: {}}
policy: {default_budget: {max_latency_ms: 80}, fail_safe_budget: {max_latency_ms: 40}}
"""
# Starts the daemon as the service's user, asks it once it says that it is ready, and stops it.
SESSION = """\
install -d -o ofa-agent -g ofa-agent /run/ofa-agent
mkfifo /tmp/log
setpriv --reuid ofa-agent --regid ofa-agent --init-groups ofa-agent run --config {config} 2>/tmp/log &
sed '/ ready /q' /tmp/log >&2
cat /tmp/log >&2 &
ofa-agent status --json
kill %1
wait %1
"""


def test_the_command_is_on_the_path_and_tells_its_version(installed: Tree) -> None:
    assert installed.version() == VERSION


def test_the_shipped_config_is_right_for_one_camera(installed: Tree) -> None:
    assert installed.ok("ofa-agent", "check", "--config", CONFIG).startswith(f"ok: {CONFIG}: 1 camera(s)\n")
    assert f" {CONFIG} " in installed.ok("dpkg-query", "--show", "--showformat=${Conffiles}", "ofa-agent")


def test_the_user_and_its_folder_are_there(installed: Tree) -> None:
    assert installed.ok("stat", "--format=%U:%G", STATE) == "ofa-agent:ofa-agent\n"
    assert "nologin" in installed.ok("getent", "passwd", "ofa-agent")


def test_the_service_starts_with_the_machine(installed: Tree) -> None:
    assert installed.ok("systemctl", "is-enabled", "ofa-agent.service") == "enabled\n"


def test_the_installation_asks_for_the_vendors_sdk_and_says_what_to_do(installed: Tree) -> None:
    lines = [line for line in installed.told.splitlines() if line.startswith("ofa-agent: ")]
    assert lines[0].startswith("ofa-agent: not started yet. The vendor's PySpin is missing")
    assert "ofa-agent-pyspin install spinnaker_python-VERSION-cp3" in installed.told
    assert len(lines) < 8


def test_without_the_sdk_the_daemon_ends_in_one_line_with_the_code_of_bad_input(tree: Tree) -> None:
    done = tree.run("sh", "-c", f"install -d /run/ofa-agent; ofa-agent run --config {CONFIG} 2>&1 >/dev/null")
    assert done.returncode == 2
    assert f"{CONFIG}: sdk: PySpin is not installed" in done.stdout.splitlines()[-1]
    assert "Traceback" not in done.stdout


def test_every_module_of_the_agent_is_there_with_what_it_needs(installed: Tree) -> None:
    program = (
        "import importlib, pkgutil, agent\n"
        "names = [one.name for one in pkgutil.walk_packages(agent.__path__, 'agent.')]\n"
        "skip = ('agent.sim', 'agent.builder', 'agent.cli.sim', 'agent.cli.demo', 'agent.__main__')\n"
        "kept = [name for name in names if not name.startswith(skip)]\n"
        "[importlib.import_module(name) for name in kept]\n"
        "print(len(kept))\n"
    )
    assert int(installed.ok("/opt/ofa-agent/bin/python3", "-I", "-c", program)) > 200


def test_files_are_as_they_were_packaged_and_use_leaves_none_behind(tree: Tree) -> None:
    before = tree.sh("find /opt/ofa-agent /usr/bin/ofa-agent | sort")
    tree.ok("ofa-agent", "check", "--config", CONFIG, "--print-effective")
    tree.run("ofa-agent", "status")
    assert tree.sh("find /opt/ofa-agent /usr/bin/ofa-agent | sort") == before
    assert tree.ok("dpkg", "--verify", "ofa-agent") == ""


def test_packages_of_the_users_shell_do_not_come_before_the_agents_own(tree: Tree) -> None:
    tree.write("/srv/click.py", "raise SystemExit('of the shell')\n")
    assert VERSION in tree.ok("env", "PYTHONPATH=/srv", "ofa-agent", "--version")


def test_the_simulated_camera_needs_its_package_and_says_so(tree: Tree) -> None:
    tree.write("/etc/ofa-agent/simulated.yaml", SIMULATED)
    done = tree.run("sh", "-c", "install -d /run/ofa-agent; ofa-agent run --config /etc/ofa-agent/simulated.yaml")
    assert done.returncode == 2
    assert "the simulated camera needs genicam: install ofa-agent-simulation" in done.stdout.splitlines()[-1]
    done = tree.run("ofa-agent", "demo", "--state-dir", "/tmp/demo")
    assert done.returncode == 1
    assert re.fullmatch(
        r".*this needs \w+, which is not installed: .* ofa-agent-simulation", done.stdout.splitlines()[-1]
    )


def test_with_the_simulation_the_daemon_serves_as_the_services_user(tree: Tree, debs: Debs) -> None:
    tree.install(debs.simulation)
    tree.write("/etc/ofa-agent/simulated.yaml", SIMULATED)
    done = tree.run("bash", "-c", SESSION.format(config="/etc/ofa-agent/simulated.yaml") + "echo ended with $?\n")
    shown = done.stdout[done.stdout.index("{") : done.stdout.rindex("}") + 1]
    assert json.loads(shown)["cameras"][0]["camera"] == "station-1", done.stdout
    assert done.stdout.rstrip().endswith("ended with 0")
    assert tree.ok("stat", "--format=%U", f"{STATE}/journal.sqlite3") == "ofa-agent\n"


def test_a_simulation_of_another_version_is_not_configured(tree: Tree, debs: Debs) -> None:
    tree.install(debs.upgrade)
    done = tree.dpkg("--install", debs.simulation)
    assert done.returncode == 1
    assert f"ofa-agent-simulation depends on ofa-agent (= {VERSION}-1" in done.stdout
