"""The queue between many callers and one inference thread, with dynamic micro-batches."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from spacy.tokens import Doc

from .models import LoadedModel


@dataclass(frozen=True)
class Plan:
    """What to do with a text; texts of equal plans can share a batch.

    model (LoadedModel): Runs it.
    disabled (tuple): Components that are not run.
    """

    model: LoadedModel
    disabled: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failure:
    """A text on which the pipeline fails.

    error (str): Type of the exception.
    where (str): Where it was raised.
    """

    error: str
    where: str


@dataclass(eq=False)
class Job:
    """One text on its way.

    text (str): The text.
    plan (Plan): What to do with it.
    convert (Callable): Turns the Doc into plain data, inside the memory zone.
    settle (Callable): Takes the plain data or a Failure, on the event loop.
    """

    text: str
    plan: Plan
    convert: Callable[[Doc], Any]
    settle: Callable[[Any], None]
    arrived: float = field(default_factory=time.monotonic)
    queued: bool = False
    cancelled: bool = False


class QueueFull(Exception):
    """More texts would wait than the limit allows."""


class BatchQueue:
    """Texts that wait, by plan. Thread-safe.

    max_texts (int): Texts of a batch.
    max_characters (int): Characters of a batch (a longer text is a batch of its own).
    max_wait (float): Seconds that a text waits for others to share its batch.
    max_queue (int): Texts that may wait.
    """

    def __init__(
        self, max_texts: int, max_characters: int, max_wait: float, max_queue: int
    ) -> None:
        self.max_texts = max_texts
        self.max_characters = max_characters
        self.max_wait = max_wait
        self.max_queue = max_queue
        self._waiting: dict[Plan, deque[Job]] = {}
        self._changed = threading.Condition()
        self._size = 0
        self._closed = False

    def __len__(self) -> int:
        return self._size

    def put(self, jobs: list[Job]) -> None:
        """Add texts, all or none.

        jobs (list): The texts. An empty queue takes any number.
        RAISES (QueueFull): If there is no room.
        """
        with self._changed:
            if self._size and self._size + len(jobs) > self.max_queue:
                raise QueueFull
            for job in jobs:
                job.queued = True
                self._waiting.setdefault(job.plan, deque()).append(job)
            self._size += len(jobs)
            self._changed.notify()

    def cancel(self, jobs: list[Job]) -> None:
        """Take texts out that nobody waits for any more; what runs already runs on."""
        with self._changed:
            for job in jobs:
                job.cancelled = True
                if job.queued:
                    job.queued = False
                    self._size -= 1

    def take(self) -> list[Job]:
        """Wait for a batch: the oldest text, and others of its plan in order.

        RETURNS (list): The batch; empty once the queue is closed and nothing waits.
        """
        with self._changed:
            while True:
                plan = self._oldest()
                if plan is None:
                    if self._closed:
                        return []
                    self._changed.wait()
                    continue
                left = self._waiting[plan][0].arrived + self.max_wait - time.monotonic()
                if left <= 0 or self._closed or self._fills_batch(plan):
                    return self._pop(plan)
                self._changed.wait(left)

    def close(self) -> None:
        """Let `take` return what waits, then an empty batch."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _oldest(self) -> Plan | None:
        """The plan of the text that waits longest; cancelled texts at the heads are dropped."""
        for plan, jobs in list(self._waiting.items()):
            while jobs and jobs[0].cancelled:
                jobs.popleft()
            if not jobs:
                del self._waiting[plan]
        if not self._waiting:
            return None
        return min(self._waiting, key=lambda plan: self._waiting[plan][0].arrived)

    def _fills_batch(self, plan: Plan) -> bool:
        texts = characters = 0
        for job in self._waiting[plan]:
            if not job.cancelled:
                texts += 1
                characters += len(job.text)
            if texts >= self.max_texts or characters >= self.max_characters:
                return True
        return False

    def _pop(self, plan: Plan) -> list[Job]:
        jobs, characters = self._waiting[plan], 0
        batch: list[Job] = []
        while jobs and len(batch) < self.max_texts:
            job = jobs[0]
            if not job.cancelled:
                characters += len(job.text)
                if batch and characters > self.max_characters:
                    break
                job.queued = False
                self._size -= 1
                batch.append(job)
            jobs.popleft()
        if not jobs:
            del self._waiting[plan]
        return batch
