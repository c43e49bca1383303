"""Offsets that were counted in another unit: found out from the spans themselves, and repaired.

Browser tools count UTF-16 units (an emoji is two), some programs count bytes of UTF-8, and some
give the last character as the end. Read as code points with exclusive ends, such spans fall outside
the text, cut words and catch punctuation. Each reading is judged by how many spans make sense under
it alone.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from typing import Any, Literal, TypeAlias

from ..errors import XinzhiError
from .alignment import is_invisible
from .record import Record, SpanTuple

Unit: TypeAlias = Literal["code points", "utf-16", "bytes"]
MOST = 0.6  # share of spans that must make sense with inclusive ends alone
SAMPLE = 5_000  # spans of a file that are judged
REPEATED = 10  # surfaces that must repeat before the characters after them say anything


@dataclass(frozen=True)
class Reading:
    """What the offsets of a file count.

    unit (str): "code points", "utf-16" (code units) or "bytes" (of UTF-8).
    inclusive (bool): Whether the end is the last character instead of the one after it.
    """

    unit: Unit = "code points"
    inclusive: bool = False

    def __str__(self) -> str:
        return f"{self.unit}{', inclusive ends' if self.inclusive else ''}"

    def apply(self, text: str, start: int, end: int) -> tuple[int, int] | None:
        """Turn offsets of this reading into code points with an exclusive end.

        text (str): The text.
        start, end (int): Offsets as the file gives them.
        RETURNS (tuple | None): Code points; None if they are outside the text, inside a character,
            or empty.
        """
        if self.unit == "code points" or is_same(self.unit, text):
            result = start, end + self.inclusive
        else:
            found = self._look_up(text, start, end)
            if found is None:
                return None
            result = found
        return result if 0 <= result[0] < result[1] <= len(text) else None

    def _look_up(self, text: str, start: int, end: int) -> tuple[int, int] | None:
        table = unit_offsets(text, self.unit)
        first = bisect_left(table, start)
        last = bisect_left(table, end + self.inclusive)  # an inclusive end may be any unit of it
        if start < 0 or last >= len(table) or table[first] != start:
            return None
        if not self.inclusive and table[last] != end:
            return None
        return first, last


AS_IS = Reading()
INCLUSIVE = Reading(inclusive=True)
OTHERS = (
    Reading("utf-16"),
    Reading("bytes"),
    INCLUSIVE,
    Reading("utf-16", inclusive=True),
    Reading("bytes", inclusive=True),
)
READINGS = {str(reading).replace(", inclusive ends", "-inclusive"): reading for reading in OTHERS}
READINGS["inclusive"] = READINGS.pop("code points-inclusive")


def parse_reading(name: str) -> Reading:
    """RETURNS (Reading): The one of this name, such as "utf-16" or "bytes-inclusive".

    RAISES (XinzhiError): If there is none.
    """
    if name not in READINGS:
        raise XinzhiError(f"There are no offsets '{name}'.", f"Use one of {', '.join(READINGS)}.")
    return READINGS[name]


def is_same(unit: Unit, text: str) -> bool:
    """RETURNS (bool): Whether the offsets in a text are the same in a unit and in code points."""
    return text.isascii() or (unit == "utf-16" and max(text) <= "\uffff")


@lru_cache(maxsize=64)
def unit_offsets(text: str, unit: Unit) -> list[int]:
    """RETURNS (list): The offset in a unit of each code point, and of the end of the text."""
    if unit == "utf-16":
        sizes = [1 + (char > "\uffff") for char in text]
    else:
        sizes = [len(char.encode("utf8")) for char in text]
    return list(accumulate(sizes, initial=0))


def makes_sense(text: str, span: tuple[int, int] | None, surface: str | None = None) -> bool:
    """Whether a person might have marked this.

    text (str): The text.
    span (tuple | None): Code points, end exclusive; None: outside the text.
    surface (str | None): The words that the file itself gives for it.
    RETURNS (bool): It is inside the text, has neither white space nor punctuation at its edges,
        and begins and ends with a word, where words are written with spaces; or it is the surface.
    """
    if span is None:
        return False
    start, end = span
    if surface is not None:
        return text[start:end] == surface
    if _is_edge(text[start]) or _is_edge(text[end - 1]):
        return False
    return not (_is_cut(text, start) or _is_cut(text, end))


@lru_cache(maxsize=8192)
def _is_edge(char: str) -> bool:
    return is_invisible(char) or char in ",.!?;:，。！？；：、…" or unicodedata.combining(char) > 0


def _is_cut(text: str, position: int) -> bool:
    if not 0 < position < len(text):
        return False
    kind = _kind(text[position])
    return kind is not None and kind == _kind(text[position - 1])


@lru_cache(maxsize=8192)
def _kind(char: str) -> str | None:
    """Letters and digits that form words; None for Chinese, Japanese and everything else."""
    if char.isdigit():
        return "digit"
    if char.isalpha() and unicodedata.category(char) in {"Lu", "Ll"}:
        return "letter"
    return None


@dataclass
class Evidence:
    """Evidence on what the offsets of one file count, gathered span by span.

    spans (int): Spans judged.
    wins (Counter): Reading to spans that make sense under it and not as they are.
    losses (Counter): Reading to spans that make sense as they are and not under it.
    after (dict): Surface, as it is read, to the characters that follow it (for Chinese, where
        cut words do not show: after 北京大 there is always 学).
    """

    spans: int = 0
    wins: Counter[Reading] = field(default_factory=Counter)
    losses: Counter[Reading] = field(default_factory=Counter)
    after: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        """Judge the spans of a record under every reading that differs on its text."""
        if self.spans >= SAMPLE or not record.spans:
            return
        others = [r for r in OTHERS if r.inclusive or not is_same(r.unit, record.text)]
        for span in record.spans:
            self.spans += 1
            self._add_span(record, span, others)

    def _add_span(self, record: Record, span: SpanTuple, others: list[Reading]) -> None:
        text, surface = record.text, record.surfaces.get(span)
        plain = AS_IS.apply(text, span[0], span[1])
        sensible = makes_sense(text, plain, surface)
        if plain is not None and plain[1] < len(text):
            self.after.setdefault(text[slice(*plain)], Counter())[text[plain[1]]] += 1
        for reading in others:
            new = reading.apply(text, span[0], span[1])
            if new != plain and makes_sense(text, new, surface) != sensible:
                (self.losses if sensible else self.wins)[reading] += 1

    def best(self) -> Reading:
        """RETURNS (Reading): What the offsets count; AS_IS unless another reading is better."""
        candidates = [reading for reading in OTHERS if self._is_better(reading)]
        if not candidates:
            return AS_IS
        # Simpler readings come first in OTHERS and win a tie.
        return max(candidates, key=lambda r: self.wins[r] - self.losses[r])

    def _is_better(self, reading: Reading) -> bool:
        wins, losses = self.wins[reading], self.losses[reading]
        if reading == INCLUSIVE:
            return wins > max(4 * losses, MOST * self.spans) or self._words_end_too_early()
        simpler = [Reading(reading.unit), INCLUSIVE] if reading.inclusive else []
        return wins > max([4 * losses, *(self.wins[other] for other in simpler)])

    def _words_end_too_early(self) -> bool:
        """Whether the same character nearly always follows the same entity, and no other does."""
        followed = [c for c in self.after.values() if c.total() > 1]
        constant = sum(len(counter) == 1 for counter in followed)
        return (
            len(followed) >= REPEATED
            and constant > len(followed) / 2
            and self.losses[INCLUSIVE] < 0.05 * self.spans
        )

    def to_dict(self) -> dict[str, Any]:
        best = self.best()
        return {
            "reading": str(best),
            "spans_judged": self.spans,
            "better": self.wins[best],
            "worse": self.losses[best],
        }
