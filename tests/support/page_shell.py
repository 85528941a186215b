"""Runs the shell statements of a page in a folder of their own, as somebody who copies them would."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import click

from agent.cli.main import main, root
from agent.config import load_config
from agent.sim.server import plant_path

PATIENCE_S = 120.0
_SHELL = re.compile(r"[|<>&;$*\n`]")
_ENDLESS = (("watch",), ("results", "--follow"))
_STAYING = (("run",), ("sim", "serve"))
# They leave something to the end of their process (a stream of grpc, fonts of matplotlib) or become another program.
_OWN_PROCESS = ({"--line-waits"}, {"watch"}, {"results"}, {"profile"}, {"capture"}, {"--png"}, {"sim", "exec"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a statement ended and what it wrote, both streams together."""

    code: int
    output: str


@dataclass
class PageShell:
    """Use as a context manager: processes that stay (a daemon, a camera) end with it. Owner of them and of `env`."""

    folder: Path
    env: dict[str, str]
    places: dict[str, str] = field(default_factory=dict)  # what a path of the page is here
    staying: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __enter__(self) -> PageShell:
        program = self.folder / ".bin"
        program.mkdir()
        for name, command in (("ofa-agent", f"{sys.executable} -m agent"), ("python", sys.executable)):
            (program / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            (program / name).chmod(0o755)
        self.env = {**self.env, "PATH": f"{program}:{os.environ['PATH']}", "PYTHONPATH": os.getcwd()}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self.staying):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(PATIENCE_S)

    def run(self, statement: str) -> Outcome:
        """A command that stays is started, one without an end is ended after its first line; all others are awaited."""
        statement = self._placed(statement)
        words = agent_words(statement.removesuffix("&"))
        if words is None:
            return self._in_shell(statement)
        if any(tuple(words[: len(one)]) == one for one in _STAYING):
            return self._stay(words)
        if is_endless(words):
            return self._first_line(words)
        if any(one <= set(words) for one in _OWN_PROCESS):
            return self._in_shell(statement)
        return self._here(words)

    def _placed(self, statement: str) -> str:
        """Its paths as they are here; where one is the beginning of another, the longer one counts."""
        if not self.places:
            return statement
        longest_first = sorted(self.places, key=len, reverse=True)
        return re.sub("|".join(map(re.escape, longest_first)), lambda found: self.places[found[0]], statement)

    def export(self, name: str, value: str) -> None:
        self.env[name] = value

    def _here(self, words: list[str]) -> Outcome:
        """In this process, which has everything imported already."""
        before, folder = dict(os.environ), os.getcwd()
        written = io.StringIO()
        os.environ.update(self.env)
        os.chdir(self.folder)
        try:
            with contextlib.redirect_stdout(written), contextlib.redirect_stderr(written):
                code = main(words)
        finally:
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(before)
        return Outcome(code, written.getvalue())

    def _in_shell(self, statement: str) -> Outcome:
        export = re.fullmatch(r"export (\w+)=(\S+)", statement)
        if export:
            self.export(export[1], export[2])
            return Outcome(0, "")
        done = subprocess.run(
            ("sh", "-euc", statement), cwd=self.folder, env=self._full_env(), capture_output=True, text=True,
            timeout=10 * PATIENCE_S, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        return Outcome(done.returncode, done.stdout + done.stderr)

    def _stay(self, words: list[str]) -> Outcome:
        log = self.folder / f".log-{len(self.staying)}"
        with log.open("wb") as out:
            command = (sys.executable, "-m", "agent", *words)
            process = subprocess.Popen(
                command, cwd=self.folder, env=self._full_env(), stdout=out, stderr=out, start_new_session=True
            )
        self.staying.append(process)
        deadline = time.monotonic() + PATIENCE_S
        while not self._serves(words):
            assert process.poll() is None, f"{words} ended with {process.returncode}: {log.read_text()}"
            assert time.monotonic() < deadline, f"{words} is not there: {log.read_text()}"
            time.sleep(0.05)
        return Outcome(0, log.read_text())

    def _serves(self, words: list[str]) -> bool:
        """A camera by its socket, a daemon by its answer."""
        if words[0] == "sim":
            return plant_path(self.folder / words[words.index("--socket") + 1]).is_socket()
        path = self.folder / words[words.index("--config") + 1]
        status = self._here(["status", "--json", "--socket", str(load_config(path).api.unix_socket)])
        if status.code != 0 or len(self.staying) == 1:  # without a camera's process there is nothing more to wait for
            return status.code == 0
        return bool(json.loads(status.output)["cameras"][0]["state"] == "ACTIVE")

    def _first_line(self, words: list[str]) -> Outcome:
        command = (sys.executable, "-m", "agent", *words)
        process = subprocess.Popen(
            command, cwd=self.folder, env=self._full_env(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout is not None
        with process:
            line = process.stdout.readline()
            process.send_signal(signal.SIGINT)
            rest, _ = process.communicate(timeout=PATIENCE_S)
        return Outcome(process.returncode, line + rest)

    def _full_env(self) -> dict[str, str]:
        return {**os.environ, **self.env}


def agent_words(statement: str) -> list[str] | None:
    """The arguments of a plain call of `ofa-agent`; None where it is anything else."""
    quoted = re.sub(r"'[^']*'|\"[^\"$`]*\"", "x", statement.split(" #", maxsplit=1)[0])
    if _SHELL.search(quoted):
        return None
    words = shlex.split(statement, comments=True)
    if not words or words[0] not in {"ofa-agent", ".venv/bin/ofa-agent"}:
        return None
    return words[1:]


def is_endless(words: list[str]) -> bool:
    return "--count" not in words and any(set(one) <= set(words) and one[0] == words[0] for one in _ENDLESS)


def check_known(words: list[str], whole: bool = True) -> None:
    """Raises click.UsageError where no command takes these arguments. Nothing is run.

    Not `whole`: some may lack, or be placeholders.
    """
    command: click.Command = root
    context = click.Context(root, info_name="ofa-agent")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        _, found, words = command.resolve_command(context, words)
        assert found is not None
        context = click.Context(found, info_name=found.name, parent=context)
        command = found
    if words or not isinstance(command, click.Group):  # a group may have options of its own
        try:
            command.make_context(command.name, words, parent=context.parent)
        except click.exceptions.Exit:  # --version
            return
        except (click.BadParameter, click.BadOptionUsage):
            if whole:
                raise
