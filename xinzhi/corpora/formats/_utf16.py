"""Offsets in UTF-16 units, as Java and JavaScript count, to code points and back."""

from __future__ import annotations


def to_utf16(text: str, offset: int) -> int:
    """RETURNS (int): The UTF-16 units before a code point; characters above U+FFFF count twice."""
    return offset if text.isascii() else offset + sum(char > "\uffff" for char in text[:offset])


def from_utf16(text: str, offset: int) -> int:
    """The code points before a UTF-16 unit.

    text (str): The text.
    offset (int): Units from its beginning.
    RETURNS (int): Code points from its beginning.
    RAISES (ValueError): If it is outside the text or inside a character.
    """
    if text.isascii():
        if not 0 <= offset <= len(text):
            raise ValueError(f"offset {offset}")
        return offset
    units = points = 0
    while units < offset and points < len(text):
        units += 2 if text[points] > "\uffff" else 1
        points += 1
    if units != offset:
        raise ValueError(f"offset {offset}")
    return points
