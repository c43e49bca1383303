"""This machine: this process, or several spawned ones."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import chain
from threading import Thread

from ...errors import XinzhiError
from ..parts import Done, Part
from ..worker import Task, predict_part

logger = logging.getLogger("xinzhi")
WAITING = 2  # parts per worker that are read ahead
RETRIES = 3  # how often a part may lose its worker


class LocalEngine:
    """`LOCAL` is the registered instance."""

    def run(self, task: Task, parts: Iterable[Part], workers: int) -> Iterator[Done]:
        if workers == 1:
            for part in parts:
                yield predict_part(task, part)
        else:
            yield from _in_processes(task, iter(parts), workers)


LOCAL = LocalEngine()


def _in_processes(task: Task, parts: Iterator[Part], workers: int) -> Iterator[Done]:
    """Spawned processes. When one is killed all are replaced, and unfinished parts done again."""
    losses: Counter[int] = Counter()
    while True:
        running: dict[Future[Done], Part] = {}
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, context, _end_with_parent) as pool:
            try:
                yield from _drain(pool, task, parts, running, workers * WAITING)
                return
            except BrokenProcessPool:
                lost = list(running.values())
        losses.update(part.number for part in lost)
        for part in lost:
            if losses[part.number] > RETRIES:
                raise XinzhiError(
                    f"The worker that predicts part {part.number} was killed {RETRIES + 1} times.",
                    "Look for a lack of memory; use fewer workers, then give the command again.",
                )
        logger.warning("A worker was killed; %d parts are done again.", len(lost))
        parts = chain(lost, parts)


def _end_with_parent() -> None:
    """Have a worker end when the command is killed: it would wait for parts for ever."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    Thread(target=watch, daemon=True).start()


def _drain(
    pool: ProcessPoolExecutor,
    task: Task,
    parts: Iterator[Part],
    running: dict[Future[Done], Part],
    most: int,
) -> Iterator[Done]:
    """Keep `most` parts in the pool until there are none; `running` is what is not done yet."""
    for part in parts:
        running[_submit(pool, task, part, running)] = part
        while len(running) >= most:
            yield from _finished(running)
    while running:
        yield from _finished(running)


def _submit(
    pool: ProcessPoolExecutor, task: Task, part: Part, running: dict[Future[Done], Part]
) -> Future[Done]:
    try:
        return pool.submit(predict_part, task, part)
    except BrokenProcessPool:
        running[Future()] = part
        raise


def _finished(running: dict[Future[Done], Part]) -> Iterator[Done]:
    ready, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in ready:
        done = future.result()  # raises while the part still counts as running
        del running[future]
        yield done
