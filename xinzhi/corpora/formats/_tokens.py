"""The tokens of a text, cut so that every entity begins and ends with one."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from ..record import Record, SpanTuple


def token_cutter(lang: str) -> Callable[[Record], list[tuple[int, int]]]:
    """A function that cuts texts into tokens.

    lang (str): Language code of spaCy's tokeniser; "zh" makes each character a token.
    RETURNS (Callable): From a record to (start, end) of its tokens. None has white space at its
        edges or inside; where an entity begins or ends inside a token, it is cut in two.
    """
    from ..docbin import blank
    from ..tokens import tokeniser

    tokens = tokeniser(blank(lang))

    def cut(record: Record) -> list[tuple[int, int]]:
        text = record.text
        found = tokens(text)
        borders = {border for start, end, _ in record.spans or () for border in (start, end)}
        pieces: list[tuple[int, int]] = []
        for start, end in zip(found.starts.tolist(), found.ends.tolist(), strict=True):
            inside = sorted(border for border in borders if start < border < end)
            for left, right in pairwise([start, *inside, end]):
                pieces += _without_space(text, left, right)
        return pieces

    return cut


def on_tokens(
    spans: list[SpanTuple], tokens: list[tuple[int, int]]
) -> tuple[list[tuple[int, int, str]], list[SpanTuple]]:
    """Spans in characters to spans in tokens.

    spans (list): (start, end, label) in code points.
    tokens (list): (start, end) of each token.
    RETURNS (tuple): (first token, one after the last, label) of those that begin and end with a
        token, and the other spans.
    """
    starts = {start: index for index, (start, _) in enumerate(tokens)}
    ends = {end: index + 1 for index, (_, end) in enumerate(tokens)}
    placed, others = [], []
    for start, end, label in spans:
        if start in starts and end in ends:
            placed.append((starts[start], ends[end], label))
        else:
            others.append((start, end, label))
    return placed, others


def _without_space(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The parts of a token that are not white space."""
    pieces = []
    while start < end:
        if text[start].isspace():
            start += 1
            continue
        stop = start
        while stop < end and not text[stop].isspace():
            stop += 1
        pieces.append((start, stop))
        start = stop
    return pieces
