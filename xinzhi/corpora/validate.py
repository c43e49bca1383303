"""Checks that hold for every format: spans inside the text, one gold value in an exclusive head."""

from __future__ import annotations

from collections.abc import Iterator

from .record import HeadValue, SpanTuple, head_values


def exclusive_facts(head: str, value: HeadValue) -> Iterator[str]:
    """Whether a gold value gives an exclusive head exactly one label.

    head (str): Name of the head.
    value (HeadValue): Its gold value.
    YIELDS (str): At most one fact.
    """
    gold = {label: number for label, number in head_values(value) if number > 0}
    if len(gold) > 1:
        yield f"{len(gold)} gold values in an exclusive head: '{head}' = {', '.join(gold)}"
    elif list(gold.values()) != [1.0]:
        yield f"an exclusive head needs one label with value 1: '{head}' = {value!r}"


def span_fact(span: SpanTuple, length: int) -> str | None:
    """What is wrong with a span that is empty or reaches outside the text.

    span (SpanTuple): (start, end, label).
    length (int): Length of the text in code points.
    RETURNS (str | None): The fact, if there is one.
    """
    start, end, label = span
    if start < 0 or end > length:
        return f"span [{start}, {end}, '{label}'] is outside the text of {length} characters"
    if end == start:
        return (
            f"span [{start}, {end}, '{label}'] is empty (the end is exclusive: if your tool "
            f"writes the last character as the end, use {end + 1})"
        )
    if end < start:
        return f"span [{start}, {end}, '{label}'] ends before it starts"
    return None
