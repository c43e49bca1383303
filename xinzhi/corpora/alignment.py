"""Put character spans on tokens, and explain each one that does not fit.

A span fits when it starts and ends at token boundaries and neither end is white space or an
invisible character: spaCy's entity recogniser refuses entities with white space at an edge (E024),
and an invisible edge is never what the annotator saw.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from .record import Record, SpanTuple
from .tokens import Tokens

WINDOW = 10  # characters shown on either side of a span

INCLUSIVE = "the end looks inclusive: end + 1"
TRIM = "white space or invisible characters at the edge: trim"
BOUNDARY = "nearest token boundary"
NOTHING = "there is nothing visible in it: delete the span"
UNCLEAN = "its token has an invisible character at the edge: clean the text"


@dataclass(frozen=True)
class Misaligned:
    """A span that does not fit the tokens.

    source (Path): The file of the record.
    line (int): Its line (or document number) there.
    record (str | int): Its id.
    start, end (int): The span in code points, end exclusive.
    label (str): Its label.
    window (str): The text around it, the span itself in ⟦ ⟧.
    repr (str): The window with invisible characters as escapes.
    suggestion (tuple | None): Offsets that fit, if there are any.
    reason (str): What the suggestion does.
    """

    source: Path
    line: int
    record: str | int
    start: int
    end: int
    label: str
    window: str
    repr: str
    suggestion: tuple[int, int] | None
    reason: str

    def __str__(self) -> str:
        return f"{self.source}:{self.line} (record {self.record}): {self.fact}"

    @property
    def fact(self) -> str:
        """What is wrong and what would fit."""
        fix = f"use {list(self.suggestion)}: {self.reason}" if self.suggestion else self.reason
        return (
            f"span [{self.start}, {self.end}, '{self.label}'] does not fit the tokens in "
            f"{self.repr}; {fix}"
        )

    def to_dict(self) -> dict[str, Any]:
        fields = asdict(self)
        return {"file": str(fields.pop("source")), **fields}


def align(tokens: Tokens, record: Record) -> tuple[list[tuple[int, int, str]], list[Misaligned]]:
    """Sort the entities of a record into those that fit the tokens and those that do not.

    tokens (Tokens): The tokens of the record's text.
    record (Record): The record, its spans inside the text.
    RETURNS (tuple): Entities as (first token, after the last one, label), and a Misaligned for
        each other span.
    """
    kept: list[tuple[int, int, str]] = []
    misaligned: list[Misaligned] = []
    for start, end, label in record.spans or ():
        found = fit(tokens, record.text, start, end)
        if found is not None:
            kept.append((*found, label))
        else:
            misaligned.append(_explain(tokens, record, (start, end, label)))
    return kept, misaligned


def fit(tokens: Tokens, text: str, start: int, end: int) -> tuple[int, int] | None:
    """The tokens at exactly these characters.

    tokens (Tokens): The tokens.
    text (str): Their text.
    start, end (int): Code points, end exclusive.
    RETURNS (tuple | None): First token and the one after the last; None if an end falls inside a
        token or on an invisible character.
    """
    if not 0 <= start < end <= len(text) or is_invisible(text[start]):
        return None
    return None if is_invisible(text[end - 1]) else tokens.find(start, end)


def trim(text: str, start: int, end: int) -> tuple[int, int]:
    """Move both ends inwards past white space and invisible characters.

    text (str): The text.
    start, end (int): Code points, end exclusive.
    RETURNS (tuple): The new ends; they are equal if nothing visible is left.
    """
    while start < end and is_invisible(text[start]):
        start += 1
    while start < end and is_invisible(text[end - 1]):
        end -= 1
    return start, end


@lru_cache(maxsize=65536)
def is_invisible(char: str) -> bool:
    """White space, or a control, format or separator character (Unicode Cc, Cf, Zs, Zl, Zp).

    Not counted: the tag characters that end a flag emoji such as 🏴󠁧󠁢󠁥󠁮󠁧󠁿 (U+E0020 to U+E007F).

    char (str): One code point.
    RETURNS (bool): Whether a reader cannot see it.
    """
    if "\U000e0020" <= char <= "\U000e007f":
        return False
    return char.isspace() or unicodedata.category(char) in {"Cc", "Cf", "Zs", "Zl", "Zp"}


def suggest(tokens: Tokens, text: str, start: int, end: int) -> tuple[tuple[int, int] | None, str]:
    """Offsets near a misaligned span that do fit, tried in the order: trim, end + 1, boundaries.

    tokens (Tokens): The tokens.
    text (str): Their text.
    start, end (int): Code points, end exclusive.
    RETURNS (tuple): New (start, end), or None if nothing near fits; and the reason.
    """
    trimmed = trim(text, start, end)
    if trimmed[0] == trimmed[1]:
        return None, NOTHING
    nearest = nearest_boundaries(tokens, *trimmed)
    for offsets, reason in ((trimmed, TRIM), ((start, end + 1), INCLUSIVE), (nearest, BOUNDARY)):
        if fit(tokens, text, *offsets):
            return offsets, reason
    return None, UNCLEAN


def nearest_boundaries(tokens: Tokens, start: int, end: int) -> tuple[int, int]:
    """The token boundaries closest to a span; at equal distance the wider choice.

    tokens (Tokens): The tokens.
    start, end (int): Code points, end exclusive, with visible characters at both ends.
    RETURNS (tuple): New (start, end) around at least one visible token.
    """
    visible = [i for i, word in enumerate(tokens.words) if not word.isspace()]
    starts = [int(tokens.starts[i]) for i in visible]
    ends = [int(tokens.ends[i]) for i in visible]
    first = bisect_left(starts, start + 1) - 1
    last = bisect_left(ends, end)
    new_start, new_end = starts[first], ends[last]
    if first < last and starts[first + 1] - start < start - new_start:
        new_start = starts[first + 1]
    if first < last and ends[last - 1] > new_start and end - ends[last - 1] < new_end - end:
        new_end = ends[last - 1]
    return new_start, new_end


def _explain(tokens: Tokens, record: Record, span: SpanTuple) -> Misaligned:
    start, end, label = span
    text = record.text
    window = f"{text[max(0, start - WINDOW) : start]}⟦{text[start:end]}⟧{text[end : end + WINDOW]}"
    suggestion, reason = suggest(tokens, text, start, end)
    return Misaligned(
        source=record.source,
        line=record.line,
        record=record.id,
        start=start,
        end=end,
        label=label,
        window=window,
        repr=repr(window),
        suggestion=suggestion,
        reason=reason,
    )
