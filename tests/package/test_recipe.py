"""The container's recipe. No image is built here: its steps are read, and run where they are the same without one."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.package.conftest import SYSTEM_PYTHON, Debs
from tests.package.trees import ROOT, Tree

RECIPE = ROOT / "deploy/oci/Containerfile"
Step = tuple[str, str]
KNOWN = {"ARG", "FROM", "ENV", "WORKDIR", "COPY", "RUN", "LABEL", "USER", "VOLUME", "STOPSIGNAL", "HEALTHCHECK"}
KNOWN |= {"ENTRYPOINT", "CMD"}


def stages() -> list[list[Step]]:
    """The steps of each stage, without comments and with lines joined; what is before the first stage is left out."""
    text = re.sub(r"^#.*\n", "", RECIPE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found: list[list[Step]] = []
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            found.append([])
        if word and found:
            found[-1].append((word, rest.strip()))
    return found


def values(stage: list[Step], word: str) -> list[str]:
    return [rest for kind, rest in stage if kind == word]


def test_every_step_is_of_the_language_and_there_are_two_stages() -> None:
    assert [values(stage, "FROM")[0] for stage in stages()] == ["${BASE} AS build", "${BASE}"]
    assert {word for stage in stages() for word, _ in stage} <= KNOWN


def test_what_is_copied_is_in_the_sources() -> None:
    for stage in stages():
        for copied in values(stage, "COPY"):
            *sources, _ = copied.split()
            if not sources[0].startswith("--from="):
                assert [name for name in sources if not (ROOT / name).exists()] == []


def test_everything_fetched_is_fetched_by_digest() -> None:
    installs = re.findall(r"pip\b[^&]*? install [^&]*", " ".join(values(stages()[0], "RUN")))
    assert len(installs) == 3
    for command in installs:
        assert "--require-hashes" in command or "--no-index" in command
    assert re.search(r"^ARG BASE=\S+:\d[\w.-]+$", RECIPE.read_text(encoding="utf-8"), re.MULTILINE)


def test_it_runs_as_a_user_who_is_not_root_and_holds_no_tools() -> None:
    final = stages()[1]
    assert values(final, "USER") == ["964:964"]
    assert not [step for step in values(final, "RUN") if "pip" in step or "apt" in step]
    assert values(final, "COPY")[0] == "--from=build /opt/ofa-agent /opt/ofa-agent"


def test_the_health_check_fails_where_nothing_serves() -> None:
    check = re.search(r"CMD (\[.*\])$", values(stages()[1], "HEALTHCHECK")[0])
    assert check
    command = json.loads(check[1])
    compile(command[2], "health check", "exec")
    assert "/healthz" in command[2]
    nowhere = command[2].replace(":9464", ":1")
    done = subprocess.run([str(SYSTEM_PYTHON), "-c", nowhere], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1


def test_the_users_and_folders_of_the_recipe_can_be_made_on_the_release(bare: Tree) -> None:
    for step in values(stages()[1], "RUN"):
        bare.sh(step)
    assert bare.ok("stat", "--format=%u:%g %a", "/var/lib/ofa-agent") == "964:964 750\n"


def test_the_steps_that_build_the_environment_make_one_that_runs(debs: Debs, tmp_path: Path) -> None:
    tools, wheels = ROOT / "build/deb/tools", ROOT / "build/deb/wheelhouse"
    places = {
        "/tmp/tools": str(tools),
        "/opt/ofa-agent": str(tmp_path / "opt"),
        "/tmp/dist": str(tmp_path / "dist"),
        "${LOCK}": "agent",
    }
    fetch, environment, agent = values(stages()[0], "RUN")
    assert "tools.lock" in fetch  # done by the packages' build, from the same lock
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "PYTHON"))}
    env |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    for step in (environment, agent):
        for inside, here in places.items():
            step = step.replace(inside, here)  # noqa: PLW2901
        step = re.sub(r"^python ", f"{SYSTEM_PYTHON} ", step)  # noqa: PLW2901
        done = subprocess.run(["sh", "-ec", step], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    command = (str(tmp_path / "opt/bin/ofa-agent"), "--version")
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert told.stdout.startswith("ofa-agent, version ")


def test_the_entry_is_the_command_with_the_shipped_config() -> None:
    final = stages()[1]
    words = json.loads(values(final, "ENTRYPOINT")[0]) + json.loads(values(final, "CMD")[0])
    assert words == ["ofa-agent", "run", "--config", "/etc/ofa-agent/agent.yaml", "--or-last-good"]
    assert "deploy/deb/files/agent.yaml /etc/ofa-agent/agent.yaml" in values(final, "COPY")
    if "web:" not in (ROOT / "deploy/deb/files/agent.yaml").read_text(encoding="utf-8"):
        pytest.fail("the health check asks the page, which the shipped config does not have")
