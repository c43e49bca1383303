"""Taking turns, because the speed of a shared machine drifts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

T = TypeVar("T")


def alternate(rounds: int, turns: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """Let everyone take one turn per round; each round starts with the next one.

    rounds (int): How many turns each takes.
    turns (Mapping[str, Callable]): Name -> what to run.
    RETURNS (dict): Name -> what its turns returned, in the order of the rounds.
    """
    results: dict[str, list[T]] = {name: [] for name in turns}
    for number in range(rounds):
        for name in rotated(list(turns), number):
            results[name].append(turns[name]())
    return results


def rotated(names: list[str], by: int) -> Iterator[str]:
    """YIELDS (str): The names, starting with number `by`, once round."""
    for i in range(len(names)):
        yield names[(i + by) % len(names)]
