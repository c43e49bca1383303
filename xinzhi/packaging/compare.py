"""Compare predictions: structure and labels exactly, numbers within a tolerance."""

from __future__ import annotations

from typing import Any

TOLERANCE = 1e-4


def first_difference(expected: Any, found: Any, tolerance: float = TOLERANCE) -> str | None:
    """Where two JSON values differ first.

    expected (Any): The value it should be.
    found (Any): The value it is.
    tolerance (float): How far a score may be off; whole numbers must be equal.
    RETURNS (str | None): Path and both values, or None if they agree.
    """
    return _difference("", expected, found, tolerance)


def largest_difference(expected: Any, found: Any) -> float:
    """RETURNS (float): How far two scores at the same place are apart at most."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return max((largest_difference(expected[k], found[k]) for k in expected if k in found),
                   default=0.0)  # fmt: skip
    if isinstance(expected, list) and isinstance(found, list):
        return max((largest_difference(a, b) for a, b in zip(expected, found, strict=False)),
                   default=0.0)  # fmt: skip
    if isinstance(expected, float) and isinstance(found, (int, float)):
        return abs(expected - found)
    return 0.0


def _difference(path: str, expected: Any, found: Any, tolerance: float) -> str | None:
    if isinstance(expected, dict) and isinstance(found, dict) and expected.keys() == found.keys():
        pairs = [(f"{path}.{key}", expected[key], found[key]) for key in expected]
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = [
            (f"{path}[{i}]", *both) for i, both in enumerate(zip(expected, found, strict=True))
        ]
    else:
        same = _same(expected, found, tolerance)
        return None if same else f"{path.lstrip('.')}: expected {expected!r}, found {found!r}"
    differences = (_difference(*pair, tolerance) for pair in pairs)
    return next((text for text in differences if text), None)


def _same(expected: Any, found: Any, tolerance: float) -> bool:
    numbers = isinstance(expected, (int, float)) and isinstance(found, (int, float))
    if numbers and (isinstance(expected, float) or isinstance(found, float)):
        return abs(expected - found) <= tolerance
    return bool(expected == found)
