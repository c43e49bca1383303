"""Tag schemes: entities to one tag per token, and back.

One decoder reads BIO (IOB2), IOB1, BIOES, BILOU, BMES, IOE and IO, because their letters do not
contradict each other: B and U, S, W begin an entity, I and M go on with one of the same label or
begin one, E and L end one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..errors import XinzhiError

TAG = re.compile(r"([BIESMLUW])[-_](.+)", re.DOTALL)
MISSING = {"-", "_", "?", "-||-"}  # no annotation: spaCy, WebAnno, others
SCHEMES = {  # the letters of an entity: alone, first, inside, last
    "BIO": "BBII",
    "IOB1": "IIII",
    "BIOES": "SBIE",
    "BILOU": "UBIL",
    "BMES": "SBME",
    "IO": "IIII",
}


def check_scheme(scheme: str) -> None:
    """RAISES (XinzhiError): If there is no such tag scheme."""
    if scheme not in SCHEMES:
        raise XinzhiError(f"There is no tag scheme '{scheme}'.", f"Use {', '.join(SCHEMES)}.")


@dataclass
class Decoded:
    """What tags say.

    spans (list): (first token, one after the last, label).
    missing (list): Indices of tokens that were not annotated.
    orphans (int): Entities that begin with the letter of a middle or an end.
    begins (int): Entities that begin with the letter of a beginning, and not because one with the
        same label ends there.
    """

    spans: list[tuple[int, int, str]] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    orphans: int = 0
    begins: int = 0


def is_tag(text: str) -> bool:
    """Whether a string is a tag of any scheme."""
    return text == "O" or text in MISSING or TAG.fullmatch(text) is not None


def split_tag(tag: str) -> tuple[str, str]:
    """RETURNS (tuple): Letter and label; "O" and "" for outside, "-" and "" for missing.

    RAISES (ValueError): If it is no tag.
    """
    match = TAG.fullmatch(tag)
    if match:
        return match[1], match[2]
    if tag == "O":
        return "O", ""
    if tag in MISSING:
        return "-", ""
    raise ValueError(tag)


def decode(tags: Sequence[str]) -> Decoded:
    """Entities of a sequence of tags, whatever their scheme.

    tags (Sequence[str]): One for each token.
    RETURNS (Decoded): The entities, and the tokens that were not annotated.
    RAISES (ValueError): If one is no tag.
    """
    decoded = Decoded()
    start, open_label = 0, ""
    for index, tag in enumerate([*tags, "O"]):
        letter, label = split_tag(tag)
        adjacent = label == open_label  # IOB1 writes B only there
        goes_on = letter in "IMEL" and label == open_label and open_label != ""
        if open_label and not goes_on:
            decoded.spans.append((start, index, open_label))
            open_label = ""
        if label and not goes_on:
            start, open_label = index, label
            orphan = letter in "IMEL"
            decoded.orphans += orphan
            decoded.begins += not orphan and not adjacent
        if open_label and letter in "ELSUW":
            decoded.spans.append((start, index + 1, open_label))
            open_label = ""
        if letter == "-":
            decoded.missing.append(index)
    return decoded


def encode(length: int, spans: Sequence[tuple[int, int, str]], scheme: str) -> list[str]:
    """Tags of entities.

    length (int): Number of tokens.
    spans (Sequence): (first token, one after the last, label), without overlaps.
    scheme (str): A key of SCHEMES.
    RETURNS (list[str]): One tag for each token.
    """
    alone, first, inside, last = list(SCHEMES[scheme])
    tags = ["O"] * length
    previous: tuple[int, str] | None = None
    for start, end, label in sorted(spans):
        touches = scheme == "IOB1" and previous == (start, label)
        letters = [first, *inside * (end - start - 2), last] if end - start > 1 else [alone]
        if touches:
            letters[0] = "B"
        tags[start:end] = [f"{letter}-{label}" for letter in letters]
        previous = (end, label)
    return tags
