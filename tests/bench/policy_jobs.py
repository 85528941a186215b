"""Hours of the benchmark over processes."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from time import perf_counter
from typing import TypeVar

Task = TypeVar("Task")
Found = TypeVar("Found")
_TOLD = 20  # times that a long run says how far it is


def in_order(run: Callable[[Task], Found], tasks: Sequence[Task], jobs: int) -> Iterator[Found]:
    """What `run` makes of each task, in their order whatever the number of jobs; tells on stderr how far it is.

    `run` is a function of a module, for it is named to the processes; one job stays in this one.
    """
    started = perf_counter()
    for done, found in enumerate(_each(run, tasks, jobs), 1):
        if done == len(tasks) or done % max(1, len(tasks) // _TOLD) == 0:
            left_s = (perf_counter() - started) / done * (len(tasks) - done)
            sys.stderr.write(f"{done} of {len(tasks)} hours, {left_s / 60:.1f} min left\n")
        yield found


def _each(run: Callable[[Task], Found], tasks: Sequence[Task], jobs: int) -> Iterator[Found]:
    if jobs == 1:
        yield from map(run, tasks)
        return
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(run, tasks)
