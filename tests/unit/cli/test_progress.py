"""Work under way on a terminal: one line that changes, and the time left where that can be told."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import struct
import termios
from collections.abc import Iterator

import pytest

from agent.cli.progress import ProgressLine, TimeLeft, time_words, working
from tests.support.terminal import Screen


class StderrTerminal:
    """Stands for sys.stderr: a terminal of 60 columns, and what is on it."""

    def __init__(self) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 60, 0, 0))
        self.stream = os.fdopen(slave, "w", encoding="utf-8")
        os.set_blocking(self._master, False)

    def written(self) -> str:
        """Since the last call."""
        data = b""
        self.stream.flush()
        with contextlib.suppress(BlockingIOError):
            while part := os.read(self._master, 65_536):
                data += part
        return data.decode()

    def lines(self) -> list[str]:
        screen = Screen(60, 10)
        screen.feed(self.written())
        return screen.text().splitlines()

    def close(self) -> None:
        self.stream.close()
        os.close(self._master)


@contextlib.contextmanager
def stderr_terminal() -> Iterator[StderrTerminal]:
    made = StderrTerminal()
    try:
        with contextlib.redirect_stderr(made.stream):
            yield made
    finally:
        made.close()


def test_the_line_changes_where_it_stands_and_stays_within_the_terminal() -> None:
    with stderr_terminal() as terminal:
        line = ProgressLine(live=True)
        line.draw("station-1: UPLOADING", 0.5, 130.0)
        line.draw("station-1: VERIFYING", 0.75, 3.2)
        assert terminal.lines() == ["███████░░░ station-1: VERIFYING, 3 s left"]
        line.draw(f"station-1: to {'net' * 40}", 1.0, 0.0)
        (shown,) = terminal.lines()
        assert (len(shown), shown[-10:]) == (59, ", 0 s left")
        assert "…" in shown
        line.draw("short")
        line.end()
        assert terminal.lines() == ["short"]


def test_a_line_that_is_cleared_leaves_its_place_to_another() -> None:
    with stderr_terminal() as terminal:
        line = ProgressLine(live=True)
        line.draw("working", 0.1)
        line.clear()
        terminal.stream.write("done")
        line.clear()
        assert terminal.lines() == ["done"]


def test_off_a_terminal_there_is_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    line = ProgressLine(live=False)
    line.draw("working", 0.1, 1.0)
    line.clear()
    line.end()
    assert "".join(capsys.readouterr()) == ""


def test_the_time_left_goes_by_the_pace_since_the_first_sight() -> None:
    now_s = [100.0]
    left = TimeLeft(lambda: now_s[0])
    assert left(0.4) is None
    now_s[0] = 101.0
    assert left(0.41) is None  # too little to tell
    now_s[0] = 110.0
    assert left(0.6) == pytest.approx(20.0)
    assert left(1.0) == pytest.approx(0.0)


def test_work_that_tells_nothing_shows_its_time_and_its_limit() -> None:
    with stderr_terminal() as terminal:
        with working("compiling net.ovir for myriad2", 600.0, quiet=False) as say:
            say("a line of the compiler")
        told = terminal.written()
        assert "a line of the compiler" in told
        assert re.search(r"compiling net\.ovir for myriad2.*0:00:00.*of at most 10 min 0 s", told)


def test_elsewhere_work_tells_lines_only(capsys: pytest.CaptureFixture[str]) -> None:
    with working("compiling", 600.0, quiet=False) as say:
        say("a line of the compiler")
    assert capsys.readouterr().err == "a line of the compiler\n"


def test_times_are_told_in_words() -> None:
    assert (time_words(0.4), time_words(59.6), time_words(200)) == ("0 s", "1 min 0 s", "3 min 20 s")
