"""The terminal while a table stands on it: its second screen, on which only lines that changed are written again."""

from __future__ import annotations

import contextlib
import os
import termios
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

# Second screen, cursor off, and back; as xterm and all that call themselves so since.
_ENTER = b"\x1b[?1049h\x1b[?25l\x1b[2J"
_LEAVE = b"\x1b[0m\x1b[?25h\x1b[?1049l"

_LOCAL = 3  # place of the local modes in what tcgetattr gives


class Terminal:
    """Use as a context manager. Owner of the terminal's second screen; `restore` may be called from any thread."""

    def __init__(self, out: TextIO) -> None:
        self._fd = out.fileno()
        self._console = _console(out)
        self._drawn: list[str] = []
        self._size = os.terminal_size((0, 0))
        self._before: list[Any] | None = None  # of the keyboard, while the second screen is taken

    def __enter__(self) -> Terminal:
        self.resume()
        return self

    def __exit__(self, *_: object) -> None:
        self.restore()

    def resume(self) -> None:
        """Take the second screen, empty; keys that are typed are not shown there."""
        self._drawn = []
        self._before = termios.tcgetattr(self._fd)
        quiet = termios.tcgetattr(self._fd)
        quiet[_LOCAL] &= ~termios.ECHO
        termios.tcsetattr(self._fd, termios.TCSANOW, quiet)
        self._write(_ENTER)

    def restore(self) -> None:
        """The screen and the keyboard as they were; idempotent, and no harm where the terminal has gone."""
        before, self._before = self._before, None
        if before is None:
            return
        with contextlib.suppress(OSError, termios.error):
            termios.tcsetattr(self._fd, termios.TCSANOW, before)
            self._write(_LEAVE)

    @property
    def size(self) -> os.terminal_size:
        """As it is now; 80x24 where the terminal does not tell."""
        columns, rows = os.get_terminal_size(self._fd)
        return os.terminal_size((columns or 80, rows or 24))

    def draw(self, lines: Sequence[Text], size: os.terminal_size) -> None:
        """Show these lines; nothing is written where they are there already."""
        wanted = [self._rendered(line) for line in lines[: size.lines]]
        out = []
        if size != self._size:
            out.append("\x1b[2J")
            self._drawn, self._size = [], size
        for row, line in enumerate(wanted):
            if row >= len(self._drawn) or self._drawn[row] != line:
                out.append(f"\x1b[{row + 1};1H{line}\x1b[K")
        if len(wanted) < len(self._drawn):
            out.append(f"\x1b[{len(wanted) + 1};1H\x1b[J")
        self._drawn = wanted
        if out:
            self._write("".join(out).encode(self._console.encoding, "replace"))

    def _rendered(self, line: Text) -> str:
        with self._console.capture() as captured:
            self._console.print(line, end="", soft_wrap=True)
        return captured.get()

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._fd, data) :]


def _console(out: TextIO) -> Console:
    """For colours only: with NO_COLOR there are none, and what they say is in the words as well."""
    from rich.console import Console

    return Console(file=out, force_terminal=True, highlight=False, markup=False, emoji=False)
