"""From the event loop to the inference thread and back."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

from spacy.tokens import Doc

from .batching import BatchQueue, Failure, Job, Plan, QueueFull
from .inference import InferenceThread, prepare_thread
from .metrics import Metrics
from .problems import Problem, deadline
from .settings import ServeSettings

STALLED_AFTER = 4  # times the deadline of a request
FIRST_RATE = 50.0  # texts per second, before anything was measured


class Engine:
    """Runs texts, many callers at a time.

    settings (ServeSettings): Limits.
    metrics (Metrics): What is counted.
    gpu_id (int): The GPU; None: CPU.
    """

    def __init__(
        self, settings: ServeSettings, metrics: Metrics, gpu_id: int | None = None
    ) -> None:
        self.settings = settings
        self.queue = BatchQueue(
            1 if settings.deterministic else settings.max_batch_texts,
            settings.max_batch_characters,
            settings.max_wait_ms / 1000,
            settings.max_queue_texts,
        )
        self._metrics = metrics
        self._gpu_id = gpu_id
        self._thread: InferenceThread | None = None
        self._rate = FIRST_RATE

    def start(self, threads: int) -> None:
        """Start the inference thread.

        threads (int): Threads of its arithmetic; 0: as they are.
        """
        self._thread = InferenceThread(
            self.queue,
            asyncio.get_running_loop(),
            lambda: prepare_thread(self._gpu_id, threads),
            self._observe,
            self.settings.log_texts,
        )
        self._thread.start()

    async def stop(self) -> None:
        """Finish what waits, then end the thread."""
        self.queue.close()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, self.settings.shutdown_seconds)

    @property
    def healthy(self) -> bool:
        """RETURNS (bool): Whether the inference thread lives and makes progress."""
        if self._thread is None or not self._thread.is_alive():
            return False
        return self._thread.stalled_for() < STALLED_AFTER * self.settings.timeout_seconds

    def has_room(self) -> bool:
        """RETURNS (bool): Whether one more text may wait."""
        return len(self.queue) < self.settings.max_queue_texts

    def submit(
        self, texts: list[str], plan: Plan, convert: Callable[[Doc], Any]
    ) -> asyncio.Future[list[Any]]:
        """Queue texts.

        texts (list): The texts.
        plan (Plan): What to do with them.
        convert (Callable): Turns each Doc into plain data, inside the memory zone.
        RETURNS (Future): Plain data or a Failure for each text. If it is cancelled, so is the work.
        RAISES (Problem): 429 if too many texts wait.
        """
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        results: list[Any] = [None] * len(texts)
        left = len(texts)

        def settle(i: int, result: Any) -> None:
            nonlocal left
            results[i] = result
            left -= 1
            if not left and not future.done():
                future.set_result(results)

        jobs = [
            Job(text, plan, convert, lambda result, i=i: settle(i, result))  # type: ignore[misc]
            for i, text in enumerate(texts)
        ]
        try:
            self.queue.put(jobs)
        except QueueFull:
            raise self._too_busy() from None
        future.add_done_callback(lambda f: self.queue.cancel(jobs) if f.cancelled() else None)
        return future

    async def within_deadline(self, future: asyncio.Future[list[Any]]) -> list[Any]:
        """RETURNS (list): The results.

        RAISES (Problem): 504 if they are not there in time; the work is cancelled.
        """
        seconds = self.settings.timeout_seconds
        try:
            return await asyncio.wait_for(future, seconds)
        except asyncio.TimeoutError:
            raise deadline(seconds) from None

    def _too_busy(self) -> Problem:
        seconds = max(1, math.ceil(len(self.queue) / self._rate))
        return Problem(
            429,
            "queue_full",
            "Too many texts are waiting. Try again after Retry-After seconds.",
            headers={"Retry-After": str(min(seconds, 60))},
        )

    def _observe(self, batch: list[Job], results: list[Any], seconds: float) -> None:
        rate = len(batch) / max(seconds, 1e-6)
        self._rate += 0.1 * (rate - self._rate)
        batch[0].plan.model.texts += len(batch)
        self._metrics.batch(batch, results, seconds)


def check_failures(plan: Plan, results: list[Any]) -> None:
    """RAISES (Problem): 500 if the pipeline has failed on a text."""
    for i, result in enumerate(results):
        if isinstance(result, Failure):
            raise failed(plan, i)


def failed(plan: Plan, index: int) -> Problem:
    """RETURNS (Problem): 500: the pipeline fails on a text."""
    return Problem(
        500,
        "pipeline_failed",
        f"Model '{plan.model.name}' fails on this text; the log of the service says where. "
        "The other texts of the request are fine: send them without it.",
        index=index,
    )
