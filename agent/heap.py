"""The memory of a process that lives for months: how it is had from the system, and what is looked through for garbage.

What is made while a daemon starts (modules, classes, the library) stays until its end: looking for garbage in it is a
tenth of the start, and later a pause of tens of milliseconds.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_M_ARENA_MAX = -8  # malloc.h of glibc
_ARENAS = 1  # hardly any allocation is made without the interpreter's lock, so that they seldom wait for each other


def use_one_heap() -> None:
    """Call before threads are started: glibc gives each one a heap of its own, and what is free in one is of no use to
    the others.

    Nothing happens where the C library has no such setting.
    """
    import ctypes

    setting = getattr(ctypes.CDLL(None), "mallopt", None)
    if setting is not None:
        setting(_M_ARENA_MAX, _ARENAS)


@contextmanager
def starting() -> Iterator[None]:
    """No garbage is looked for within, unless `started` says that it is to be."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def started() -> None:
    """What there is now stays; garbage is looked for in what comes."""
    gc.freeze()
    gc.enable()
