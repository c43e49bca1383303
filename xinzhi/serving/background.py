"""Work that blocks, one piece at a time, in a thread beside the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from .problems import Problem, deadline

T = TypeVar("T")


class Background:
    """One thread. What it works with may belong to it alone, such as a connection to a database.

    name (str): Of the thread.
    most_waiting (int): Most calls that wait or run.
    seconds (float): The longest that a call may take, the wait included.
    """

    def __init__(self, name: str, most_waiting: int, seconds: float) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._most_waiting = most_waiting
        self._seconds = seconds
        self._waiting = 0
        self._counting = threading.Lock()

    async def run(self, work: Callable[[], T]) -> T:
        """Run in the thread. If the caller goes, what has not begun does not begin.

        work (Callable): The work.
        RETURNS (T): Its result.
        RAISES (Problem): 429 if too many wait, 504 after the deadline.
        """
        if self._waiting >= self._most_waiting:
            raise Problem(
                429,
                "queue_full",
                "Too many requests are waiting. Try again after Retry-After seconds.",
                headers={"Retry-After": "1"},
            )
        future = self._thread.submit(work)
        with self._counting:
            self._waiting += 1
        future.add_done_callback(self._done)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._seconds)
        except asyncio.TimeoutError:
            raise deadline(self._seconds) from None

    async def prepare(self, work: Callable[[], T]) -> T:
        """RETURNS (T): The result of work that no caller waits for; it may take its time."""
        return await asyncio.wrap_future(self._thread.submit(work))

    def stop(self) -> None:
        """Let the present call end; what waits is cancelled."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _done(self, _: Any) -> None:
        with self._counting:
            self._waiting -= 1
