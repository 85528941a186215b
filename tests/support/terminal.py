"""A terminal for a program under test: a pseudo-terminal and what stands on its screen."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import re
import struct
import sys
import termios
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

_PIECE = re.compile(r"\x1b\[(\??)([0-9;]*)([A-Za-z])|([^\x1b]+)", re.DOTALL)
_COMPLETE = re.compile(rb"\x1b(\[[?0-9;]*)?$")
_WIDE = 8_192


class Screen:
    """What a sequence of bytes leaves on a terminal: cursor moves, erasing, the second screen; colours are taken out.

    Raises AssertionError for what a calm program does not send: a sequence that is not known here, or a line feed on
    the second screen. `touched` are the rows that were written since it was emptied.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self.second = False
        self.cursor_shown = True
        self.styles: set[str] = set()
        self.touched: set[int] = set()
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self._cells = [[" "] * columns for _ in range(rows)]
        self._row = self._column = 0

    def lines(self) -> list[str]:
        return ["".join(row).rstrip() for row in self._cells]

    def text(self) -> str:
        return "\n".join(self.lines()).rstrip()

    def feed(self, text: str) -> None:
        rest = _PIECE.sub(self._piece, text)
        assert not rest, f"unknown: {rest!r}"

    def _piece(self, found: re.Match[str]) -> str:
        private, values, letter, plain = found.groups()
        if plain is not None:
            self._print(plain)
        elif private:
            self._mode(values, on=letter == "h")
        else:
            self._move(values, letter)
        return ""

    def _print(self, text: str) -> None:
        for character in text:
            if character == "\r":
                self._column = 0
            elif character == "\n":
                assert not self.second, "a line feed on the second screen"
                self._row = min(self._row + 1, self.rows - 1)
            else:
                assert self._row < self.rows, f"below the screen: {text!r}"
                assert self._column < self.columns, f"beyond the screen: {text!r}"
                self._cells[self._row][self._column] = character
                self._column += 1
                self.touched.add(self._row)

    def _mode(self, values: str, on: bool) -> None:
        if values == "1049":
            self.second = on
        elif values == "25":
            self.cursor_shown = on
        else:
            raise AssertionError(f"mode {values}")

    def _move(self, values: str, letter: str) -> None:
        if letter == "H":
            row, column = (int(value) for value in (values or "1;1").split(";"))
            self._row, self._column = row - 1, column - 1
        elif letter == "K":
            self._cells[self._row][self._column :] = [" "] * (self.columns - self._column)
        elif letter == "J":
            first = 0 if values == "2" else self._row
            self._cells[first:] = [[" "] * self.columns for _ in range(self.rows - first)]
        elif letter == "m":
            self.styles.add(values)
        else:
            raise AssertionError(f"sequence {values}{letter}")


class Terminal:
    """`ofa-agent` on a terminal of its own: `async with Terminal(["watch"], …) as terminal`. Owner of the process."""

    def __init__(self, words: Sequence[str], columns: int = 80, rows: int = 24, env: Mapping[str, str] | None = None):
        # The first terminal that the leader of a session opens is the one that its Ctrl-C comes from.
        self._command = ("sh", "-c", 'exec "$@" <>"$0" >&0 2>&0', "TTY", sys.executable, "-m", "agent", *words)
        self._env = {**os.environ, "TERM": "xterm-256color", **(env or {})}
        self._size = columns, rows
        self._changed = asyncio.Event()
        self._pending = b""
        self.screen = Screen(columns, rows)
        self.received = 0

    async def __aenter__(self) -> Terminal:
        self._master, slave = pty.openpty()
        self._set_size(*self._size)
        self.modes_before = termios.tcgetattr(slave)
        command = [os.ttyname(slave) if word == "TTY" else word for word in self._command]
        self.process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, env=self._env, start_new_session=True
        )
        self._slave = slave  # kept, so that its modes can be read in the end
        asyncio.get_running_loop().add_reader(self._master, self._read)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)
        os.close(self._slave)

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def resize(self, columns: int, rows: int) -> None:
        self.screen.resize(columns, rows)
        self._set_size(columns, rows)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Look at the screen whenever something was written, until the condition holds."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    async def shows(self, *words: str) -> None:
        await self.until(lambda: all(word in self.screen.text() for word in words))

    async def stopped(self) -> None:
        """Until the process has stopped itself, as on Ctrl-Z: a SIGCONT before that would be lost."""
        await asyncio.to_thread(os.waitid, os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    async def ended(self) -> int:
        """The exit code; everything that it wrote is on the screen."""
        code = await self.process.wait()
        self._read()
        return code

    @property
    def modes(self) -> list[object]:
        return list(termios.tcgetattr(self._slave))

    def _set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self) -> None:
        os.set_blocking(self._master, False)
        with contextlib.suppress(BlockingIOError, OSError):
            while data := os.read(self._master, _WIDE):
                self.received += len(data)
                self._pending += data
        self._take()
        self._changed.set()

    def _take(self) -> None:
        """All but a sequence or a character that is not complete yet."""
        cut = _COMPLETE.search(self._pending)
        whole = self._pending if cut is None else self._pending[: cut.start()]
        while whole:
            try:
                text = whole.decode()
                break
            except UnicodeDecodeError as error:
                if error.reason != "unexpected end of data":
                    raise
                whole = whole[: error.start]
        else:
            text = ""
        self._pending = self._pending[len(whole) :]
        self.screen.feed(text)
