"""A normaliser that knows, for every character it leaves, which original characters it came from.

Each step is a list of replacements on the text so far; `apply` carries the original offsets along.
The steps run until nothing changes any more, which makes the whole idempotent: removing a
zero-width character, for instance, can bring together two characters that NFKC then composes.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeAlias

from ..compat import require
from ..errors import XinzhiError

Edit: TypeAlias = tuple[int, int, str]  # start, end, replacement

# Zero-width joiners mean something between emoji and in Arabic and Indic scripts.
_JOINED = "\u00a9\u00ae\u0600-\u08ff\u0900-\u0dff\u2190-\u2bff\ufe0f\U0001f000-\U0001faff"
_ZERO_WIDTH = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
    f"|(?<![{_JOINED}])[\u200c\u200d]|[\u200c\u200d](?![{_JOINED}])"
)
_SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_CONTROL = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]|[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
_LINE_BREAKS = {"\r\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"}
# Full-width letters, digits and signs; half-width kana. ，！？：；（）～ stay: they are Chinese.
_WIDTH = re.compile(
    "[\uff02-\uff07\uff0a\uff0b\uff0d-\uff19\uff1c-\uff1e\uff20-\uff5d]"
    "|[\uff61-\uff9d][\uff9e\uff9f]?|[\uff9e\uff9f]"
)
_PLAIN = re.compile("[ -~\u4e00-\u9fff。、“”]*")  # NFKC leaves these as they are


@dataclass(frozen=True)
class Normalised:
    """A normalised text and where each of its characters came from.

    original (str): The text as it was.
    text (str): The normalised text.
    starts, ends (Sequence[int]): For each normalised character, the original slice behind it.
    steps (tuple[str, ...]): The steps that ran.
    """

    original: str
    text: str
    starts: Sequence[int]
    ends: Sequence[int]
    steps: tuple[str, ...] = ()

    def to_original(self, start: int, end: int) -> tuple[int, int]:
        """The original characters behind a normalised span.

        start, end (int): Offsets in `text`, end exclusive, not empty.
        RETURNS (tuple): Offsets in `original`.
        """
        return self.starts[start], self.ends[end - 1]

    def to_normalised(self, start: int, end: int) -> tuple[int, int]:
        """The normalised characters that an original span became.

        start, end (int): Offsets in `original`, end exclusive.
        RETURNS (tuple): Offsets in `text`; they are equal if nothing is left of the span. A span
            that ends inside a piece that changed as a whole (half of ㎏) gets the whole piece.
        """
        first = bisect_right(self.ends, start)
        return first, max(first, bisect_left(self.starts, end))


def normalise(text: str, steps: Sequence[str] | None = None) -> Normalised:
    """Normalise a text and keep track of the offsets.

    text (str): Any text.
    steps (Sequence[str]): Names from STEPS, in any order; by default DEFAULT_STEPS.
    RETURNS (Normalised): The new text with the map to the old one.
    RAISES (XinzhiError): For an unknown step, or one whose package is not installed.
    """
    names = tuple(parse_steps(DEFAULT_STEPS if steps is None else steps))
    functions = [STEPS[name] for name in names]
    result = Normalised(text, text, range(len(text)), range(1, len(text) + 1), names)
    before = None
    while before != result.text:
        before = result.text
        for function in functions:
            result = apply(result, function(result.text))
    return result


def apply(result: Normalised, edits: Iterator[Edit]) -> Normalised:
    """Carry out replacements.

    result (Normalised): The text so far.
    edits (Iterator): In order, without overlaps; each replacement stands for its whole piece.
    RETURNS (Normalised): The new text.
    """
    texts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    done = 0
    for start, end, new in edits:
        texts += (result.text[done:start], new)
        starts += result.starts[done:start]
        starts += [result.starts[start]] * len(new)
        ends += result.ends[done:start]
        ends += [result.ends[end - 1]] * len(new)
        done = end
    if not done:
        return result
    texts.append(result.text[done:])
    starts += result.starts[done:]
    ends += result.ends[done:]
    return replace(result, text="".join(texts), starts=starts, ends=ends)


def parse_steps(steps: Sequence[str]) -> list[str]:
    """RETURNS (list): The steps in the order in which they run, each once.

    RAISES (XinzhiError): If one is unknown.
    """
    unknown = [name for name in steps if name not in STEPS]
    if unknown:
        raise XinzhiError(
            f"There is no normalisation step '{unknown[0]}'.", f"Use some of {', '.join(STEPS)}."
        )
    return [name for name in STEPS if name in steps]


def _control(text: str) -> Iterator[Edit]:
    for match in _CONTROL.finditer(text):
        yield *match.span(), "\n" if match[0] in _LINE_BREAKS else ""


def _zero_width(text: str) -> Iterator[Edit]:
    for match in _ZERO_WIDTH.finditer(text):
        yield *match.span(), ""


def _spaces(text: str) -> Iterator[Edit]:
    for match in _SPACES.finditer(text):
        yield *match.span(), " "


def _width(text: str) -> Iterator[Edit]:
    for match in _WIDTH.finditer(text):
        yield *match.span(), unicodedata.normalize("NFKC", match[0])


def _nfkc(text: str) -> Iterator[Edit]:
    """NFKC, piece by piece: pieces end where no composition can reach across."""
    if unicodedata.is_normalized("NFKC", text):
        return
    position = 0
    while position < len(text):
        plain = _PLAIN.match(text, position)
        assert plain is not None
        # The last plain character may take a combining mark, so it belongs to the next piece.
        start = max(position, plain.end() - 1)
        end = start + 1
        while end < len(text) and _continues(text[end]):
            end += 1
        new = unicodedata.normalize("NFKC", text[start:end])
        if new != text[start:end]:
            yield start, end, new
        position = end


@lru_cache(maxsize=4096)
def _continues(char: str) -> bool:
    """Whether NFKC may combine a character with the one before it."""
    first = unicodedata.normalize("NFKD", char)[0]
    return unicodedata.combining(first) > 0 or first in _second_halves()


@lru_cache(maxsize=1)
def _second_halves() -> frozenset[str]:
    """Characters that are no combining marks but end a canonical pair, such as Hangul vowels."""
    pairs = (unicodedata.decomposition(chr(code)).split() for code in range(0x80, 0x30000))
    seconds = {chr(int(p[1], 16)) for p in pairs if len(p) == 2 and not p[0].startswith("<")}
    jamo = {chr(code) for code in (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))}
    return frozenset(jamo | {char for char in seconds if not unicodedata.combining(char)})


def _simplified(text: str) -> Iterator[Edit]:
    """Traditional to simplified characters, one for one.

    OpenCC knows phrases (乾隆 stays, 乾燥 becomes 干燥). Its phrases keep their length, so that
    character i of the result is character i of the input; if a text did not, it would be
    converted character by character.
    """
    if text.isascii():
        return
    convert = _opencc()
    new = convert(text)
    if len(new) != len(text):
        new = "".join(c if len(c := convert(old)) == 1 else old for old in text)
    for index, (old, char) in enumerate(zip(text, new, strict=True)):
        if old != char:
            yield index, index + 1, char


@lru_cache(maxsize=1)
def _opencc() -> Callable[[str], str]:
    module = require("opencc", "'xinzhi[opencc]'", "traditional to simplified characters")
    return module.OpenCC("t2s").convert


# In the order in which they run.
STEPS: dict[str, Callable[[str], Iterator[Edit]]] = {
    "control": _control,
    "zero-width": _zero_width,
    "spaces": _spaces,
    "width": _width,
    "nfkc": _nfkc,
    "simplified": _simplified,
}
DEFAULT_STEPS = ("control", "zero-width", "spaces", "width")
