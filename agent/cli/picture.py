"""What pictures have in common: their size, their greys, and how they are written. matplotlib is loaded here only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.errors import AgentError, BadInput

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INCHES, _DOTS_PER_INCH = (12.0, 8.0), 100  # 1200x800
INK, MIDDLE, PALE = "0.0", "0.45", "0.8"  # all that is said is said in greys, shapes and words: reports get printed


def check_drawing(path: Path) -> None:
    """Before long work: raises AgentError where nothing can be drawn, BadInput where it could not be written."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as exc:
        raise AgentError(f"--png: matplotlib is missing ({exc}); pip install 'ofa-agent[build]'") from exc
    if not path.absolute().parent.is_dir():
        raise BadInput("--png", f"{path} cannot be written: {path.absolute().parent} is no folder")


def new_figure() -> Figure:
    """An empty one of 1200x800, on no screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=_INCHES, dpi=_DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write the PNG; equal pictures are equal files. Raises BadInput."""
    try:
        # No version of the drawing library in the file.
        figure.savefig(path, format="png", metadata={"Software": None})
    except OSError as exc:
        raise BadInput("--png", f"{path} cannot be written: {exc.strerror}") from exc


def plain_numbers(axis: Any, steps: Sequence[int] = (1, 2, 5)) -> None:
    """1, 2, 5, 10 on a logarithmic axis and not powers of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axis.set_major_locator(LogLocator(subs=steps))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())
