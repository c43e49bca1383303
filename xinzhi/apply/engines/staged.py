"""For engines whose workers may be elsewhere: the input of every part goes to the shared folder."""

from __future__ import annotations

from collections.abc import Iterable

from ..parts import Part
from ..worker import Task


def stage(task: Task, parts: Iterable[Part]) -> list[int]:
    """Write the input of the parts; a text is thus read once, by the driver.

    task (Task): The job; all workers must see its folder under the same path.
    parts (Iterable[Part]): The parts.
    RETURNS (list[int]): Their numbers.
    """
    numbers = []
    for part in parts:
        task.parts.stage(part)
        numbers.append(part.number)
    return numbers
