"""Where white space goes between tokens: guessed as people write, or said in a column of its own.

The column follows CoNLL-U as UDPipe writes it: `_` for one space after a token, `SpaceAfter=No`,
`SpacesBefore=…` and `SpacesAfter=…` with \\s, \\t, \\n, \\r, \\p (a bar) and \\\\; our addition is
\\uXXXX for other white space.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

# Scripts that are written without spaces between words, and their punctuation.
_UNSPACED = re.compile(
    "[\u2e80-\u312f\u31a0-\u33ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef"
    "\U00020000-\U0003ffff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff“”‘’…—·]"
)
_ESCAPES = {"\\": "\\\\", " ": "\\s", "\t": "\\t", "\n": "\\n", "\r": "\\r", "|": "\\p"}
_UNESCAPES = {escape[1]: char for char, escape in _ESCAPES.items()}
SPACING = re.compile(r"_|SpaceAfter=No|Spaces(Before|After)=\S*")


def guess_spaces(tokens: Sequence[str]) -> list[str]:
    """The white space after each token, as people write.

    None at all if every token is one character, as in Chinese corpora; otherwise one space, but
    none beside a character of a script without spaces, and none at the end.

    tokens (Sequence[str]): The tokens of one text.
    RETURNS (list[str]): "" or " " for each.
    """
    if all(len(token) == 1 for token in tokens):
        return [""] * len(tokens)
    spaces = [
        "" if _UNSPACED.match(left[-1:]) or _UNSPACED.match(right[:1]) else " "
        for left, right in pairwise(tokens)
    ]
    return [*spaces, ""]


def read_spacing(column: str, last: bool) -> tuple[str, str]:
    """RETURNS (tuple): White space before and after a token, from its column."""
    before, after = "", "" if last else " "
    for part in column.split("|"):
        name, _, value = part.partition("=")
        if name == "SpaceAfter":
            after = ""
        elif name == "SpacesAfter":
            after = _unescape(value)
        elif name == "SpacesBefore":
            before = _unescape(value)
    return before, after


def write_spacing(before: str, after: str, last: bool) -> str:
    """RETURNS (str): The column that `read_spacing` reads."""
    parts = [f"SpacesBefore={_escape(before)}"] if before else []
    if after == "" and not last:
        parts.append("SpaceAfter=No")
    elif after != ("" if last else " "):
        parts.append(f"SpacesAfter={_escape(after)}")
    return "|".join(parts) or "_"


def _escape(text: str) -> str:
    return "".join(
        _ESCAPES.get(char) or (f"\\u{ord(char):04x}" if char.isspace() else char) for char in text
    )


def _unescape(text: str) -> str:
    def replace(match: re.Match[str]) -> str:
        if match[1]:
            return chr(int(match[1], 16))
        return _UNESCAPES.get(match[2], match[0])

    return re.sub(r"\\(?:u([0-9a-f]{4})|(.))", replace, text)
