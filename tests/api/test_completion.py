"""Shells that complete words of `ofa-agent`, before a served API; bash itself does, and others where they are."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.cli.completion import SHELLS
from agent.cli.main import main
from agent.domain.journal import Alarm
from tests.api.harness import run, serving
from tests.support.fake_control import FakeControl

# Completes each of its arguments (a line with the cursor at its end) and writes a line of what came of it.
_BASH = r"""
eval "$(ofa-agent completion bash)"
complete -p ofa-agent >&2
for line in "$@"; do
  read -r -a COMP_WORDS <<< "$line"
  [ "${line% }" = "$line" ] || COMP_WORDS+=("")
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
  _ofa_agent_completion ofa-agent
  echo "${COMPREPLY[*]}"
done
"""


@pytest.fixture
def shell_env(tmp_path: Path) -> dict[str, str]:
    program = tmp_path / "bin" / "ofa-agent"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m agent "$@"\n')
    program.chmod(0o755)
    return {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", "PYTHONPATH": os.getcwd()}


async def _completed(lines: Sequence[str], env: dict[str, str]) -> list[list[str]]:
    process = await asyncio.create_subprocess_exec(
        "bash", "--norc", "-c", _BASH, "bash", *lines,
        env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert err.decode().startswith("complete "), err
    assert err.count(b"\n") == 1, err
    return [line.split() for line in out.decode().splitlines()]


def test_bash_completes_commands_options_choices_and_what_the_daemon_knows(
    tmp_path: Path, shell_env: dict[str, str]
) -> None:
    async def story() -> list[list[str]]:
        async with serving(tmp_path, FakeControl("station-1"), FakeControl("other")) as rig:
            rig.journal.known_alarms += [Alarm(7, "other", "k", "t", 1), Alarm(8, "other", "k", "t", 1, None, "eng")]
            env = shell_env | {"OFA_AGENT_SOCKET": str(rig.path)}
            lines = (
                "ofa-agent sta",
                "ofa-agent swaps --li",
                "ofa-agent status --camera stat",
                "ofa-agent pin ",
                "ofa-agent pin --camera nobody ",
                "ofa-agent alarms ack ",
            )
            return await _completed(lines, env)

    assert run(story()) == [
        ["status"],
        ["--limit"],
        ["station-1"],
        ["w1-big", "w1-huge"],
        [],
        ["7"],
    ]


def test_without_a_daemon_there_are_no_names_and_no_words_about_it(shell_env: dict[str, str]) -> None:
    lines = (
        "ofa-agent pin --socket /none.sock ",
        "ofa-agent pin --address nowhere ",
        "ofa-agent status --socket /n --c",
    )
    found = run(_completed(lines, shell_env))
    assert found == [[], [], ["--camera", "--ca", "--cert", "--client-name"]]


@pytest.mark.parametrize("words", ["", "library ", "status --", "pin --socket /none.sock "])
def test_a_word_is_completed_without_loading_what_takes_long(words: str) -> None:
    heavy = "{'grpc', 'numpy', 'yaml', 'rich', 'openvino', 'msgspec', 'google.protobuf', 'cryptography'}"
    script = (
        "import sys, atexit, os\n"
        f"atexit.register(lambda: {heavy} & set(sys.modules) and os._exit(9))\n"
        "from agent.cli.main import main\n"
        "main([])"
    )
    line = f"ofa-agent {words}"
    env = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1), "_OFA_AGENT_COMPLETE": "bash_complete"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(params=SHELLS)
def script(request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert main(["completion", request.param]) == 0
    path = tmp_path / str(request.param)
    path.write_text(capsys.readouterr().out)
    return path


def test_every_shell_takes_its_script(script: Path) -> None:
    if shutil.which(script.name) is None:
        pytest.skip(f"{script.name} is not installed")
    done = subprocess.run([script.name, "-n", str(script)], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_fish_completes_commands(tmp_path: Path, shell_env: dict[str, str]) -> None:
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")
    command = ("fish", "-c", "ofa-agent completion fish | source; complete -C 'ofa-agent sta'")
    done = subprocess.run(command, env=shell_env, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split()[0] == "status"
