"""The one thread that runs pipelines: fast tokenizers and memory zones are not thread-safe."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from ..training.device import use_device
from .batching import BatchQueue, Failure, Job
from .logs import fingerprint

logger = logging.getLogger("xinzhi.serving")
Observe = Callable[[list[Job], list[Any], float], None]


class InferenceThread(threading.Thread):
    """Takes batches from a queue, runs them, hands the results to the event loop.

    queue (BatchQueue): Where batches come from; once it is closed and empty the thread ends.
    loop (AbstractEventLoop): Where the jobs are settled.
    prepare (Callable): Called first, in the thread: device, number of threads.
    observe (Callable): Called on the event loop with each batch, its results and seconds.
    log_texts (bool): Whether a text that fails is logged.
    """

    def __init__(
        self,
        queue: BatchQueue,
        loop: asyncio.AbstractEventLoop,
        prepare: Callable[[], None],
        observe: Observe,
        log_texts: bool = False,
    ) -> None:
        super().__init__(name="inference", daemon=True)
        self._queue = queue
        self._loop = loop
        self._prepare = prepare
        self._observe = observe
        self._log_texts = log_texts
        self._began: float | None = None

    def run(self) -> None:
        """Run batches until the queue is closed and empty."""
        self._prepare()
        while batch := self._queue.take():
            self._began = time.monotonic()
            try:
                results = run_batch(batch, self._log_texts)
            except Exception as err:  # not of the pipeline: this thread must live on
                failure = Failure(type(err).__name__, _where(err))
                results = [failure] * len(batch)
                logger.error("a batch failed", extra={"facts": vars(failure)})
            seconds = time.monotonic() - self._began
            self._began = None
            self._loop.call_soon_threadsafe(self._deliver, batch, results, seconds)

    def stalled_for(self) -> float:
        """RETURNS (float): Seconds that the present batch has been running."""
        began = self._began
        return 0.0 if began is None else time.monotonic() - began

    def _deliver(self, batch: list[Job], results: list[Any], seconds: float) -> None:
        for job, result in zip(batch, results, strict=True):
            if not job.cancelled:
                job.settle(result)
        self._observe(batch, results, seconds)


def run_batch(jobs: list[Job], log_texts: bool = False) -> list[Any]:
    """Run texts of one plan together; if that fails, one by one, so that one bad text fails alone.

    jobs (list): The texts.
    log_texts (bool): Whether a text that fails is logged.
    RETURNS (list): Plain data or a Failure for each.
    """
    results = run_together(jobs)
    if not isinstance(results, Failure):
        return results
    if len(jobs) > 1:
        return [run_batch([job], log_texts)[0] for job in jobs]
    facts = {**fingerprint(jobs[0].text), "error": results.error, "where": results.where}
    if log_texts:
        facts["text"] = jobs[0].text
    logger.error("the pipeline failed on a text", extra={"facts": facts})
    return [results]


def run_together(jobs: list[Job]) -> list[Any] | Failure:
    """Run texts of one plan in one memory zone; nothing that belongs to the zone leaves it.

    jobs (list): The texts.
    RETURNS (list): Plain data for each; or a Failure.
    """
    plan = jobs[0].plan
    texts = [job.text for job in jobs]
    with plan.model.nlp.memory_zone():
        try:
            docs = plan.model.nlp.pipe(texts, batch_size=len(texts), disable=plan.disabled)
            return [job.convert(doc) for job, doc in zip(jobs, docs, strict=True)]
        except Exception as err:
            return Failure(type(err).__name__, _where(err))


def _where(err: Exception) -> str:
    """The place only: the message may quote the text."""
    frame = traceback.extract_tb(err.__traceback__)[-1]
    return f"{frame.filename}:{frame.lineno}"


def prepare_thread(gpu_id: int | None, threads: int) -> None:
    """Set the device and the number of threads of the calling thread: Thinc and the processor keep
    these settings per thread.

    gpu_id (int): The GPU; None: CPU.
    threads (int): Threads of its arithmetic; 0: as they are.
    RAISES (XinzhiError): Without that GPU.
    """
    import torch

    use_device(-1 if gpu_id is None else gpu_id)
    if threads:
        torch.set_num_threads(threads)
