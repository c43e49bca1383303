"""Engines that run the parts of a job: one file per engine, found through `xinzhi_engines`.

An engine does not schedule anything itself: it hands the parts to an executor that exists, and
every worker calls `predict_part` (or `predict_staged`, if it may be on another machine).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import catalogue

from ...errors import XinzhiError
from ..parts import Done, Part
from ..worker import Task

ENGINES = catalogue.create("xinzhi", "engines", entry_points=True)


class Engine(Protocol):
    """Runs the parts of a job."""

    def run(self, task: Task, parts: Iterable[Part], workers: int) -> Iterator[Done]:
        """Predict the parts, in any order.

        task (Task): What the workers need.
        parts (Iterable[Part]): The parts; they are drawn as workers become free, or staged.
        workers (int): Workers, each with its own pipeline.
        YIELDS (Done): The mark of each part when it is on disk.
        """


def get_engine(name: str) -> Engine:
    """RETURNS (Engine): The registered engine.

    RAISES (XinzhiError): If there is none; the message names those there are.
    """
    engines = ENGINES.get_all()
    if name not in engines:
        raise XinzhiError(f"There is no engine '{name}'.", f"Use one of {', '.join(engines)}.")
    return engines[name]
