"""What a schedule, such as that of the learning rate, does over a training."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from spacy.util import registry

LONGEST = 20_000  # steps to look at


def values(setting: Any) -> Iterator[float]:
    """The values of a setting step by step.

    setting (float / dict): A number, or the config of a schedule.
    YIELDS (float): One value per step; the last one for ever, as Thinc's optimizers do.
    """
    if not isinstance(setting, dict):
        while True:
            yield float(setting)
    value = 0.0
    for value in registry.resolve({"schedule": setting})["schedule"]:
        yield float(value)
    while True:
        yield float(value)


def first_values(setting: Any, steps: int) -> list[float]:
    """RETURNS (list): The values of the first steps, at least one, at most LONGEST."""
    return list(islice(values(setting), max(1, min(steps, LONGEST))))
