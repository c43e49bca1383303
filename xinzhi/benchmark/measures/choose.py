"""Finding the batch size a contender is fastest with, before it is measured."""

from __future__ import annotations

from collections.abc import Callable

from .. import tasks
from ..worker import Worker


def choose_batch_size(worker: Worker, seconds: Callable[[], float]) -> dict[int, float]:
    """Try every batch size a contender offers and leave it at the fastest.

    worker (Worker): The contender.
    seconds (Callable): Runs the same work once and says how long it took.
    RETURNS (dict): Batch size -> seconds; empty if there is no choice.
    """
    sizes = worker.run(tasks.get, "batch_sizes")
    if len(sizes) < 2:
        return {}
    tried = {}
    for size in sizes:
        worker.run(tasks.set_batch_size, size)
        tried[size] = seconds()
    worker.run(tasks.set_batch_size, min(tried, key=tried.__getitem__))
    return tried
