"""Threads of numpy's linear algebra."""

from __future__ import annotations

import os


def use_one_thread() -> None:
    """Call before numpy is loaded: between two small products OpenBLAS' second thread spins for most of a core."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
