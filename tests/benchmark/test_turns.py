"""Taking turns."""

from __future__ import annotations

from collections.abc import Callable

from xinzhi.benchmark.turns import alternate, rotated


def test_alternate_keeps_results_in_the_order_of_the_rounds() -> None:
    order: list[str] = []

    def turn(name: str) -> Callable[[], int]:
        def run() -> int:
            order.append(name)
            return len(order)

        return run

    results = alternate(3, {name: turn(name) for name in "abc"})
    assert "".join(order) == "abc" + "bca" + "cab"
    assert results == {"a": [1, 6, 8], "b": [2, 4, 9], "c": [3, 5, 7]}


def test_nobody_is_always_first() -> None:
    assert ["".join(rotated(list("ab"), i)) for i in range(3)] == ["ab", "ba", "ab"]
