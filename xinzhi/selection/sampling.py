"""A uniform sample of a stream."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def reservoir(items: Iterable[T], size: int, seed: int = 0) -> list[T]:
    """A uniform sample of a stream of unknown length (Vitter 1985, algorithm R).

    items (Iterable): The stream; only `size` of them are in memory at a time.
    size (int): How many to keep.
    seed (int): Of the random numbers.
    RETURNS (list): The sample; all items if they are no more than `size`.
    """
    rng = random.Random(seed)
    kept: list[T] = []
    for number, item in enumerate(items):
        if number < size:
            kept.append(item)
        elif (place := rng.randrange(number + 1)) < size:
            kept[place] = item
    return kept
