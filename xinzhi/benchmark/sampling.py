"""A sampling profiler: a second thread looks every few milliseconds where the first one is.

Nothing is wrapped or patched, so the program runs as it always does. The time since the last look
goes to the stack that is found. Compiled code that holds Python's lock is seen when it returns, in
the function that called it. cProfile would charge Python's calls more than they cost, and knows no
phases.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import TypeVar

from .phases import PHASES, Frame, phase_of

T = TypeVar("T")
INTERVAL = 0.002
# Compiled components leave no frame of their own: these of spaCy know whose turn it is.
COMPONENT_LOOPS = {("util.py", "_pipe"), ("language.py", "update"), ("language.py", "__call__")}


class Sampler:
    """Collects the seconds per phase of the thread that made it.

    name (Callable): A stack, innermost frame first -> the name of its phase.
    """

    def __init__(self, name: Callable[[Sequence[Frame]], str] = phase_of) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._name = name
        self._phase = name([])
        self._watched = threading.get_ident()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Sampler:
        self._last = time.perf_counter()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.seconds[self._phase] += time.perf_counter() - self._last  # nobody looked any more

    def _watch(self) -> None:
        while not self._stop.wait(INTERVAL):
            frame = sys._current_frames().get(self._watched)
            self._phase = self._name(list(_frames(frame)))
            now = time.perf_counter()
            self.seconds[self._phase] += now - self._last
            self._last = now


def _frames(frame: FrameType | None) -> Iterator[Frame]:
    while frame is not None:
        code = frame.f_code
        yield code.co_filename.replace("\\", "/"), code.co_name, _component(frame)
        frame = frame.f_back


def _component(frame: FrameType) -> str:
    path = frame.f_code.co_filename.replace("\\", "/").split("/")
    if path[-2:-1] == ["spacy"] and (path[-1], frame.f_code.co_name) in COMPONENT_LOOPS:
        return str(frame.f_locals.get("name", ""))
    return ""


def split_time(function: Callable[[], T]) -> dict[str, float]:
    """Run a function and split its time.

    function (Callable): What to run.
    RETURNS (dict): Every one of `PHASES` -> seconds.
    """
    with Sampler() as sampler:
        function()
    return {phase: sampler.seconds[phase] for phase in PHASES}
