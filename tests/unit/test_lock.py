"""deploy/lock is of pyproject.toml: what a package installs is what the sources ask for, on every supported Python."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
MACHINES = ("x86_64", "aarch64")
STALE = "deploy/lock is out of date: run `make lock`"


def requirements(section: str, key: str) -> list[Requirement]:
    """A list of requirements of pyproject.toml; Python 3.10 has no reader of its own for it."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    inside = re.search(rf"^\[{re.escape(section)}\]$(.*?)(?=^\[)", text, re.MULTILINE | re.DOTALL)
    assert inside
    found = re.search(rf"^{key} = \[(.*?)\]$", inside[1], re.MULTILINE | re.DOTALL)
    assert found
    return [Requirement(one) for one in re.findall(r'"([^"]+)"', found[1])]


@cache
def pins(lock: str) -> dict[str, list[tuple[Requirement, int, bool]]]:
    """By name: the pinned requirement, how many digests it has, and whether pyproject.toml itself asks for it."""
    found: dict[str, list[tuple[Requirement, int, bool]]] = {}
    blocks = re.split(
        r"^(?=[A-Za-z0-9])", (ROOT / "deploy/lock" / lock).read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    for block in blocks:
        if block.strip():
            pin = Requirement(block.split("\\")[0].strip())
            digests = len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", block))
            found.setdefault(canonicalize_name(pin.name), []).append((pin, digests, "(pyproject.toml)" in block))
    return found


def asked(lock: str) -> list[Requirement]:
    wanted = requirements("project", "dependencies")
    if lock == "simulation.lock":
        extras = "project.optional-dependencies"
        wanted += requirements(extras, "sim") + requirements(extras, "demo")
    return [one for one in wanted if one.name != "ofa-agent"]


@pytest.mark.parametrize("lock", ["agent.lock", "simulation.lock"])
@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("python", PYTHONS)
def test_every_dependency_has_one_pin_that_fits(lock: str, python: str, machine: str) -> None:
    place = {**default_environment(), "python_version": python, "python_full_version": f"{python}.1"}
    place |= {"platform_machine": machine, "sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
    for wanted in asked(lock):
        here = [
            pin
            for pin, _, _ in pins(lock).get(canonicalize_name(wanted.name), [])
            if pin.marker is None or pin.marker.evaluate({key: str(value) for key, value in place.items()})
        ]
        assert len(here) == 1, f"{wanted.name} on Python {python}: {here}; {STALE}"
        version = str(here[0].specifier).removeprefix("==")
        assert wanted.specifier.contains(version), f"{here[0]} is not {wanted}; {STALE}"


@pytest.mark.parametrize("lock", ["agent.lock", "simulation.lock"])
def test_nothing_is_locked_for_a_dependency_that_is_no_more(lock: str) -> None:
    direct = {name for name, entries in pins(lock).items() if any(own for _, _, own in entries)}
    assert direct == {canonicalize_name(one.name) for one in asked(lock)}, STALE


@pytest.mark.parametrize("lock", ["agent.lock", "simulation.lock", "tools.lock"])
def test_every_pin_is_one_version_with_digests(lock: str) -> None:
    assert len(pins(lock)) >= 5
    for entries in pins(lock).values():
        for pin, digests, _ in entries:
            assert re.fullmatch(r"==[0-9][^,*]*", str(pin.specifier)), pin
            assert digests > 0, pin


def test_the_simulation_runs_beside_the_very_packages_of_the_agent() -> None:
    for name, entries in pins("agent.lock").items():
        assert [pin for pin, _, _ in pins("simulation.lock")[name]] == [pin for pin, _, _ in entries], STALE


@pytest.mark.parametrize("lock", ["agent.lock", "simulation.lock", "tools.lock"])
def test_a_lock_names_no_place_to_fetch_from(lock: str) -> None:
    text = (ROOT / "deploy/lock" / lock).read_text(encoding="utf-8")
    assert re.findall(r"://|--index-url|--extra-index-url|--find-links|--trusted-host", text) == []
