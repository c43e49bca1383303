"""Finding the batch size a contender is fastest with, before it is measured."""

from __future__ import annotations

from collections.abc import Callable

from .. import tasks
from ..worker import Worker


def try_batch_sizes(worker: Worker, seconds: Callable[[], float]) -> dict[int, float]:
    """Try every batch size a contender offers.

    worker (Worker): The contender.
    seconds (Callable): Runs the same work once and says how long it took.
    RETURNS (dict): Batch size -> seconds, the first one that of its config; empty if there is no
        choice.
    """
    sizes = worker.run(tasks.get, "batch_sizes")
    if len(sizes) < 2:
        return {}
    tried = {}
    for size in sizes:
        worker.run(tasks.set_batch_size, size)
        tried[size] = seconds()
    return tried


def fastest(tried: dict[int, float]) -> int:
    """RETURNS (int): The batch size that took the least time."""
    return min(tried, key=tried.__getitem__)
